#include "support/crd_schema.hpp"

#include <algorithm>
#include <regex>
#include <set>
#include <string_view>
#include <utility>

#include "support/cel.hpp"

namespace crd {
namespace {

using Json = nlohmann::json;

const std::set<std::string> keywords = {"additionalProperties",
                                        "anyOf",
                                        "default",
                                        "description",
                                        "enum",
                                        "format",
                                        "items",
                                        "maxItems",
                                        "maxLength",
                                        "maximum",
                                        "minItems",
                                        "minLength",
                                        "minimum",
                                        "pattern",
                                        "properties",
                                        "required",
                                        "type",
                                        "x-kubernetes-int-or-string",
                                        "x-kubernetes-list-map-keys",
                                        "x-kubernetes-list-type",
                                        "x-kubernetes-preserve-unknown-fields",
                                        "x-kubernetes-validations"};

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  return type == "integer" && value.is_number_integer();
}

class Checker {
 public:
  explicit Checker(Checked& result) : result_(result) {}

  void check(const Json& schema, Json& value, const std::string& path) {
    // With the one anyOf that it may have.
    if (schema.value("x-kubernetes-int-or-string", false)) {
      if (!value.is_number_integer() && !value.is_string()) say(path, "must be of type integer");
      return;
    }
    const std::string type = schema.at("type");
    if (!has_type(value, type)) return say(path, "must be of type " + type);
    if (type == "object") object(schema, value, path);
    if (type == "array") array(schema, value, path);
    if (type == "string") string(schema, value, path);
    if (type == "integer") integer(schema, value, path);
    if (schema.contains("enum") &&
        std::ranges::find(schema["enum"], value) == schema["enum"].end()) {
      say(path, value.dump() + " is not supported");
    }
    if (schema.contains("x-kubernetes-validations")) rules(schema, value, path);
  }

 private:
  void say(const std::string& path, const std::string& what) {
    result_.violations.push_back(path + ": " + what);
  }

  void object(const Json& schema, Json& value, const std::string& path) {
    if (!schema.contains("properties") && !schema.contains("additionalProperties")) return;
    const Json properties = schema.value("properties", Json::object());
    const bool keeps = schema.value("x-kubernetes-preserve-unknown-fields", false);
    Json kept = Json::object();
    for (auto& [key, member] : value.items()) {
      if (member.is_null() && !keeps) continue;
      if (keeps || properties.contains(key) || schema.contains("additionalProperties"))
        kept[key] = member;
    }
    for (const auto& [key, property] : properties.items()) {
      if (property.contains("default") && !kept.contains(key)) kept[key] = property["default"];
    }
    value = std::move(kept);
    for (const auto& key : schema.value("required", Json::array())) {
      if (!value.contains(key)) say(path, key.get<std::string>() + " is required");
    }
    for (auto& [key, member] : value.items()) {
      if (!properties.contains(key) && !schema.contains("additionalProperties")) continue;
      check(properties.contains(key) ? properties[key] : schema["additionalProperties"], member,
            path.empty() ? key : path + "." + key);
    }
  }

  void array(const Json& schema, Json& value, const std::string& path) {
    if (value.size() < schema.value("minItems", 0U)) say(path, "has too few items");
    if (schema.contains("maxItems") && value.size() > schema["maxItems"]) {
      say(path, "has too many items");
      return;  // as the API server does: the rules are not run
    }
    std::set<Json> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string where = path + "[" + std::to_string(i) + "]";
      const std::size_t before = result_.violations.size();
      check(schema.at("items"), value[i], where);
      if (result_.violations.size() > before) continue;
      Json key = value[i];
      if (schema["x-kubernetes-list-type"] == "map") {
        key = Json::array();
        for (const auto& name : schema["x-kubernetes-list-map-keys"]) key.push_back(value[i][name]);
      }
      if (schema["x-kubernetes-list-type"] != "atomic" && !seen.insert(key).second) {
        say(where, "duplicate");
      }
    }
  }

  void string(const Json& schema, const Json& value, const std::string& path) {
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() < schema.value("minLength", 0U)) say(path, "is too short");
    if (schema.contains("maxLength") && text.size() > schema["maxLength"]) say(path, "is too long");
    if (schema.contains("pattern") &&
        !std::regex_search(text, std::regex(schema["pattern"].get<std::string>()))) {
      say(path, "\"" + text + "\" does not match");
    }
  }

  void integer(const Json& schema, const Json& value, const std::string& path) {
    if (schema.contains("minimum") && value < schema["minimum"]) say(path, "is too small");
    if (schema.contains("maximum") && value > schema["maximum"]) say(path, "is too large");
  }

  // Not where something is wrong below: the API server does not run them then either.
  void rules(const Json& schema, const Json& value, const std::string& path) {
    for (const std::string& violation : result_.violations) {
      if (violation.starts_with(path)) return;
    }
    for (const Json& rule : schema["x-kubernetes-validations"]) {
      const cel::Verdict verdict = cel::evaluate(rule["rule"], value);
      result_.cost = std::max(result_.cost, verdict.cost);
      if (!verdict.holds) say(path, rule["message"]);
    }
  }

  Checked& result_;
};

class Inspector {
 public:
  explicit Inspector(std::vector<std::string>& faults) : faults_(faults) {}

  // `bounded` lists and texts: what rules may look at, as their cost is judged before there is one.
  void inspect(const Json& schema, const std::string& path, bool bounded) {
    for (const auto& [keyword, value] : schema.items()) {
      if (!keywords.contains(keyword)) say(path, "keyword " + keyword);
    }
    if (schema.value("x-kubernetes-int-or-string", false)) {
      const Json either = Json::array({{{"type", "integer"}}, {{"type", "string"}}});
      if (schema.value("anyOf", Json()) != either) say(path, "anyOf integer and string");
      return;
    }
    if (schema.contains("anyOf")) say(path, "keyword anyOf");
    if (!schema.contains("type")) return say(path, "no type");
    const bool rules = bounded || schema.contains("x-kubernetes-validations");
    const std::string type = schema["type"];
    if (type == "object") object(schema, path, rules);
    if (type == "array") array(schema, path, rules);
    if (type == "string" && rules && !schema.contains("maxLength") && !schema.contains("enum")) {
      say(path, "no maxLength below a rule");
    }
    if (schema.contains("default") && !crd::check(schema, schema["default"]).violations.empty()) {
      say(path, "the default is not valid");
    }
    for (const Json& rule : schema.value("x-kubernetes-validations", Json::array())) {
      if (rule.size() != 2 || !rule.contains("rule") || rule.value("message", "").empty() ||
          rule["message"].get<std::string>().find('\n') != std::string::npos) {
        say(path, "a rule has a rule and a message of one line");
      }
    }
  }

 private:
  void say(const std::string& path, const std::string& what) {
    faults_.push_back(path + ": " + what);
  }

  void object(const Json& schema, const std::string& path, bool rules) {
    if (schema.contains("properties") && schema.contains("additionalProperties")) {
      say(path, "properties and additionalProperties");
    }
    if (schema.contains("additionalProperties")) {
      inspect(schema["additionalProperties"], path + "{}", rules);
    }
    const Json properties = schema.value("properties", Json::object());
    for (const auto& key : schema.value("required", Json::array())) {
      if (!properties.contains(key)) say(path, "requires what it does not have: " + key.dump());
    }
    for (const auto& [key, property] : properties.items()) {
      const std::string where = path.empty() ? key : path + "." + key;
      // The API server fills in metadata, and status of a condition needs no words.
      if (where != "metadata" && !property.contains("description") && key != "status") {
        say(where, "no description");
      }
      inspect(property, where, rules);
    }
  }

  void array(const Json& schema, const std::string& path, bool rules) {
    if (!schema.contains("items")) return say(path, "no items");
    const Json& items = schema["items"];
    const std::string list = schema.value("x-kubernetes-list-type", "");
    if (list != "atomic" && list != "set" && list != "map") say(path, "no x-kubernetes-list-type");
    if (list == "set" && items.value("type", "") != "string") say(path, "a set of no scalars");
    if (list == "map") {
      for (const auto& key : schema.value("x-kubernetes-list-map-keys", Json::array())) {
        const auto required = items.value("required", Json::array());
        const bool there = std::ranges::find(required, key) != required.end() ||
                           items["properties"][key.get<std::string>()].contains("default");
        if (!there) say(path, "a key that may be missing: " + key.dump());
      }
    }
    const bool rules_below = items.contains("x-kubernetes-validations");
    if ((rules || rules_below) && !schema.contains("maxItems")) say(path, "no maxItems at a rule");
    inspect(items, path + "[]", rules);
  }

  std::vector<std::string>& faults_;
};

}  // namespace

Checked check(const nlohmann::json& schema, const nlohmann::json& value) {
  Checked result{value, {}, 0};
  Checker(result).check(schema, result.value, "");
  return result;
}

std::vector<std::string> faults(const nlohmann::json& schema) {
  std::vector<std::string> found;
  Inspector(found).inspect(schema, "", false);
  return found;
}

}  // namespace crd
