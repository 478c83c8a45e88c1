#include "cmd/diag/model/evidence_json.hpp"

#include <nlohmann/json.hpp>
#include <type_traits>

#include "cmd/diag/model/evidence_document.hpp"
#include "core/error.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

namespace model = core::cluster_model;
using Json = nlohmann::ordered_json;

constexpr const char* evidence_schema = "pona.diag.model.evidence/v1";

// The fields of each value, once for both directions: `visit` writes or reads each.
template <typename Visit, typename Value>
void fields(Visit& visit, Value& value) {
  using T = std::remove_const_t<Value>;
  if constexpr (std::is_same_v<T, model::Node>) {
    visit("name", value.name);
    visit("addresses", value.addresses);
    visit("podRanges", value.ranges);
  } else if constexpr (std::is_same_v<T, model::PodRange>) {
    visit("range", value.range);
    visit("cluster", value.cluster);
    visit("source", value.source);
  } else if constexpr (std::is_same_v<T, model::Gateway>) {
    visit("form", value.form);
    visit("by", value.by);
    visit("keepsSource", value.keeps_source);
    visit("why", value.why);
    visit("count", value.count);
    visit("objects", value.objects);
  } else if constexpr (std::is_same_v<T, model::Setting>) {
    visit("what", value.what);
    visit("family", value.family);
    visit("source", value.source);
    visit("text", value.text);
  } else if constexpr (std::is_same_v<T, model::WalkStep>) {
    visit("where", value.where);
    visit("text", value.text);
    visit("rule", value.rule);
  } else if constexpr (std::is_same_v<T, model::Walk>) {
    visit("kind", value.kind);
    visit("end", value.end);
    visit("host", value.host);
    visit("target", value.target);
    visit("source", value.source);
    visit("destination", value.destination);
    visit("seen", value.seen);
    visit("steps", value.steps);
    visit("lost", value.lost);
    visit("note", value.note);
  } else if constexpr (std::is_same_v<T, model::Reach>) {
    visit("how", value.how);
    visit("range", value.range);
    visit("cluster", value.cluster);
    visit("text", value.text);
  } else if constexpr (std::is_same_v<T, model::Gap>) {
    visit("what", value.what);
    visit("why", value.why);
    visit("command", value.command);
  } else if constexpr (std::is_same_v<T, model::Evidence>) {
    visit("host", value.host);
    visit("where", value.where);
    visit("cluster", value.cluster);
    visit("closed", value.closed);
    visit("pods", value.pods);
    visit("services", value.services);
    visit("nodes", value.nodes);
    visit("podRanges", value.ranges);
    visit("gateways", value.gateways);
    visit("settings", value.settings);
    visit("walks", value.walks);
    visit("routes", value.reaches);
    visit("gaps", value.gaps);
  }
}

struct Writer {
  Json json = Json::object();

  static Json value(const std::string& text) { return text; }
  static Json value(std::uint64_t number) { return number; }
  static Json value(bool word) { return word; }
  template <typename T>
  static Json value(const std::optional<T>& field) {
    return field ? value(*field) : Json();
  }
  template <typename T>
  static Json value(const std::vector<T>& list) {
    Json all = Json::array();
    for (const T& one : list) all.push_back(value(one));
    return all;
  }
  template <typename T>
  static Json value(const T& field) {
    if constexpr (std::is_enum_v<T> || std::is_same_v<T, core::Address> ||
                  std::is_same_v<T, core::Prefix>) {
      return std::string(to_string(field));
    } else {
      Writer inner;
      fields(inner, field);
      return std::move(inner.json);
    }
  }
  template <typename T>
  void operator()(const char* key, const T& field) {
    json[key] = value(field);
  }
};

// What makes no sense is left as it was, and counted.
struct Reader {
  const nlohmann::json& json;
  std::size_t& bad;

  bool read(const nlohmann::json& from, std::string& to) {
    if (!from.is_string()) return false;
    to = from.get<std::string>();
    return true;
  }
  bool read(const nlohmann::json& from, std::uint64_t& to) {
    if (!from.is_number_unsigned()) return false;
    to = from.get<std::uint64_t>();
    return true;
  }
  bool read(const nlohmann::json& from, bool& to) {
    if (!from.is_boolean()) return false;
    to = from.get<bool>();
    return true;
  }
  template <typename T>
  bool read(const nlohmann::json& from, std::optional<T>& to) {
    T value{};
    if (from.is_null()) return true;
    if (!read(from, value)) return false;
    to = value;
    return true;
  }
  template <typename T>
  bool read(const nlohmann::json& from, std::vector<T>& to) {
    if (!from.is_array()) return false;
    for (const nlohmann::json& one : from) {
      T value{};
      if (read(one, value)) {
        to.push_back(std::move(value));
      } else {
        ++bad;
      }
    }
    return true;
  }
  template <typename T>
  bool read(const nlohmann::json& from, T& to) {
    if constexpr (std::is_same_v<T, core::Address> || std::is_same_v<T, core::Prefix>) {
      const auto value = from.is_string() ? T::parse(from.get<std::string>()) : std::nullopt;
      if (value) to = *value;
      return value.has_value();
    } else if constexpr (std::is_same_v<T, core::Family>) {
      to = from == "ip6" ? core::Family::ipv6 : core::Family::ipv4;
      return from == "ip" || from == "ip6";
    } else if constexpr (std::is_enum_v<T>) {
      const auto value =
          from.is_string() ? model::parse_word<T>(from.get<std::string>()) : std::optional<T>();
      if (value) to = *value;
      return value.has_value();
    } else {
      if (!from.is_object()) return false;
      std::size_t wrong = 0;
      Reader inner{from, wrong};
      fields(inner, to);
      return wrong == 0;
    }
  }
  template <typename T>
  void operator()(const char* key, T& field) {
    const auto found = json.find(key);
    if (found != json.end() && !read(*found, field)) ++bad;
  }
};

}  // namespace

nlohmann::ordered_json evidence_json(const model::Evidence& evidence) {
  Writer writer;
  writer.json["schema"] = evidence_schema;
  fields(writer, evidence);
  return std::move(writer.json);
}

std::string to_json(const model::Evidence& evidence) {
  return kube::dump_json(evidence_json(evidence), 2) + "\n";
}

std::string gather_model_json(const ModelSources& sources) {
  return to_json(gather_model_evidence(sources));
}

core::cluster_model::Evidence parse_model_evidence(std::string_view text) {
  const auto refuse = [](const std::string& why) {
    return core::Error(
        core::Error::Kind::usage,
        "this is no evidence of a network model (model.json of pona diag bundle): " + why);
  };
  if (kube::nested_too_deep(text)) throw refuse("it is nested too deeply");
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) throw refuse("it is no JSON object");
  const auto said = json.find("schema");
  const std::string schema =
      said != json.end() && said->is_string() ? said->get<std::string>() : std::string();
  if (schema != evidence_schema) {
    throw refuse(schema.empty() ? "it has no \"schema\""
                                : "its schema is \"" + schema + "\", and this version reads " +
                                      evidence_schema + ": take a pona that wrote it");
  }
  model::Evidence evidence;
  std::size_t bad = 0;
  Reader reader{json, bad};
  fields(reader, evidence);
  if (bad != 0) {
    evidence.gaps.push_back(
        {std::to_string(bad) + (bad == 1 ? " entry" : " entries") + " of the evidence",
         "this version does not understand what is there", ""});
  }
  return evidence;
}

}  // namespace cmd
