#include "support/apiserver/structural.hpp"

#include <map>
#include <regex>
#include <set>

namespace support::apiserver {
namespace {

// Compiling one takes longer than all else about an object.
const std::regex& compiled(const std::string& pattern) {
  thread_local std::map<std::string, std::regex> known;
  return known.try_emplace(pattern, pattern).first->second;
}

bool flag(const Json& schema, const char* name) { return schema.value(name, false); }

// Identity and metadata are there whatever the schema says; at the root and in embedded objects.
bool is_identity(const std::string& name) {
  return name == "apiVersion" || name == "kind" || name == "metadata";
}

void prune(Json& value, const Json& schema, const std::string& path, bool resource,
           std::vector<std::string>& unknown) {
  const std::string prefix = path.empty() ? "" : path + ".";
  if (value.is_object()) {
    const Json* const properties = find(schema, "properties");
    const Json* const values = find(schema, "additionalProperties");
    const bool keeps = flag(schema, "x-kubernetes-preserve-unknown-fields");
    std::vector<std::string> gone;
    for (auto& [name, field] : value.items()) {
      if (resource && is_identity(name)) continue;
      const bool declared = properties != nullptr && properties->contains(name);
      if (declared) {
        const Json& inner = properties->at(name);
        prune(field, inner, prefix + name, flag(inner, "x-kubernetes-embedded-resource"), unknown);
      } else if (values != nullptr && values->is_object()) {
        prune(field, *values, prefix + name, false, unknown);
      } else if (!keeps && !(values != nullptr && *values == true)) {
        gone.push_back(name);
      }
    }
    for (const std::string& name : gone) {
      value.erase(name);
      unknown.push_back(prefix + name);
    }
  } else if (value.is_array() && schema.contains("items")) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      prune(value[i], schema["items"], path + "[" + std::to_string(i) + "]", false, unknown);
    }
  }
}

class Checking {
 public:
  void check(const Json& value, const Json& schema, const std::string& path) {
    if (value.is_null() && (flag(schema, "nullable") || path.empty())) return;
    if (!check_type(value, schema, path)) return;
    check_enum(value, schema, path);
    if (value.is_number()) check_number(value, schema, path);
    if (value.is_string()) check_string(value, schema, path);
    if (value.is_array()) check_list(value, schema, path);
    if (value.is_object()) check_map(value, schema, path);
  }

  std::vector<Cause> causes;

 private:
  void add(const std::string& reason, const std::string& message, const std::string& path) {
    causes.push_back({reason, message, path});
  }
  void wrong(const Json& value, const std::string& path, const std::string& what) {
    add("FieldValueInvalid", "Invalid value: " + value.dump() + ": " + path + " in body " + what,
        path);
  }

  bool check_type(const Json& value, const Json& schema, const std::string& path) {
    if (flag(schema, "x-kubernetes-int-or-string")) {
      if (value.is_number_integer() || value.is_string()) return true;
    }
    const std::string type = schema.value("type", "");
    const bool holds =
        type.empty() || (type == "object" && value.is_object()) ||
        (type == "array" && value.is_array()) || (type == "string" && value.is_string()) ||
        (type == "boolean" && value.is_boolean()) ||
        (type == "integer" && value.is_number_integer()) || (type == "number" && value.is_number());
    if (holds) return true;
    std::string is = value.type_name();
    if (value.is_number_integer()) is = "integer";
    const std::string quoted = "\"" + is + "\"";
    add("FieldValueTypeInvalid",
        "Invalid value: " + quoted + ": " + path + " in body must be of type " + type + ": " +
            quoted,
        path);
    return false;
  }

  void check_enum(const Json& value, const Json& schema, const std::string& path) {
    const Json* const known = find(schema, "enum");
    if (known == nullptr) return;
    std::string list;
    for (const Json& one : *known) {
      if (one == value) return;
      list += (list.empty() ? "" : ", ") + one.dump();
    }
    add("FieldValueNotSupported",
        "Unsupported value: " + value.dump() + ": supported values: " + list, path);
  }

  void check_number(const Json& value, const Json& schema, const std::string& path) {
    const Json* const minimum = find(schema, "minimum");
    const bool above = flag(schema, "exclusiveMinimum");
    if (minimum != nullptr && (above ? value <= *minimum : value < *minimum)) {
      wrong(
          value, path,
          std::string("should be greater than ") + (above ? "" : "or equal to ") + minimum->dump());
    }
    const Json* const maximum = find(schema, "maximum");
    const bool below = flag(schema, "exclusiveMaximum");
    if (maximum != nullptr && (below ? value >= *maximum : value > *maximum)) {
      wrong(value, path,
            std::string("should be less than ") + (below ? "" : "or equal to ") + maximum->dump());
    }
  }

  void check_string(const Json& value, const Json& schema, const std::string& path) {
    const std::string is = value;
    if (const Json* const most = find(schema, "maxLength"); most != nullptr && is.size() > *most) {
      add("FieldValueTooLong", "Too long: may not be more than " + most->dump() + " bytes", path);
    }
    if (const Json* const least = find(schema, "minLength");
        least != nullptr && is.size() < *least) {
      wrong(value, path, "should be at least " + least->dump() + " chars long");
    }
    const std::string pattern = schema.value("pattern", "");
    if (!pattern.empty() && !std::regex_search(is, compiled(pattern))) {
      wrong(value, path, "should match '" + pattern + "'");
    }
  }

  void check_list(const Json& value, const Json& schema, const std::string& path) {
    const std::string count = std::to_string(value.size());
    if (const Json* const most = find(schema, "maxItems");
        most != nullptr && value.size() > *most) {
      add("FieldValueTooMany",
          "Too many: " + count + ": must have at most " + most->dump() + " items", path);
    }
    if (const Json* const least = find(schema, "minItems");
        least != nullptr && value.size() < *least) {
      wrong(value.size(), path, "should have at least " + least->dump() + " items");
    }
    std::set<std::string> seen;
    const std::string list = schema.value("x-kubernetes-list-type", "atomic");
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string place = path + "[" + std::to_string(i) + "]";
      Json key = list == "set" ? value[i] : Json::object();
      if (list == "map") {
        for (const Json& name : schema.value("x-kubernetes-list-map-keys", Json::array())) {
          const std::string field = name;
          if (value[i].is_object() && value[i].contains(field)) key[field] = value[i][field];
        }
      }
      if (list != "atomic" && !seen.insert(key.dump()).second) {
        add("FieldValueDuplicate", "Duplicate value: " + key.dump(), place);
      }
      if (schema.contains("items")) check(value[i], schema["items"], place);
    }
  }

  void check_map(const Json& value, const Json& schema, const std::string& path) {
    const std::string prefix = path.empty() ? "" : path + ".";
    for (const Json& name : schema.value("required", Json::array())) {
      const std::string field = name;
      if (!value.contains(field)) add("FieldValueRequired", "Required value", prefix + field);
    }
    if (const Json* const most = find(schema, "maxProperties");
        most != nullptr && value.size() > *most) {
      add("FieldValueTooMany",
          "Too many: " + std::to_string(value.size()) + ": must have at most " + most->dump() +
              " items",
          path);
    }
    const Json* const properties = find(schema, "properties");
    const Json* const values = find(schema, "additionalProperties");
    for (const auto& [name, field] : value.items()) {
      if (path.empty() && is_identity(name)) continue;
      if (properties != nullptr && properties->contains(name)) {
        check(field, properties->at(name), prefix + name);
      } else if (values != nullptr && values->is_object()) {
        check(field, *values, prefix + name);
      }
    }
  }
};

}  // namespace

std::vector<std::string> prune_unknown(Json& object, const Json& schema) {
  std::vector<std::string> unknown;
  prune(object, schema, "", true, unknown);
  return unknown;
}

void fill_defaults(Json& value, const Json& schema) {
  if (value.is_object()) {
    const Json* const properties = find(schema, "properties");
    if (properties != nullptr) {
      for (const auto& [name, property] : properties->items()) {
        const bool missing = !value.contains(name);
        // null means "not given" for a field that may not be null but has a default.
        const bool given_null = !missing && value[name].is_null() && !flag(property, "nullable");
        if ((missing || given_null) && property.contains("default"))
          value[name] = property["default"];
        if (value.contains(name)) fill_defaults(value[name], property);
      }
    }
    const Json* const values = find(schema, "additionalProperties");
    if (values != nullptr && values->is_object()) {
      for (auto& [name, field] : value.items()) {
        if (properties == nullptr || !properties->contains(name)) fill_defaults(field, *values);
      }
    }
  } else if (value.is_array() && schema.contains("items")) {
    for (Json& element : value) fill_defaults(element, schema["items"]);
  }
}

std::vector<Cause> check_structure(const Json& object, const Json& schema) {
  Checking checking;
  checking.check(object, schema, "");
  return std::move(checking.causes);
}

}  // namespace support::apiserver
