#include "kube/mapping/live_mapping.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "kube/decode/encoding.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/decode/mapping_fields.hpp"

namespace kube {
namespace {

using Json = nlohmann::ordered_json;

// No object has it: the very first revision is that of an empty store. With it, a Mapping that
// somebody made a moment ago is a conflict, not one to be overwritten; where there is none, the
// server does not look at it (https://github.com/kubernetes/kubernetes/issues/106745).
constexpr auto version_of_nothing = "1";

Json parse(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

const Json& at(const Json& json, const char* key) {
  static const Json nothing;
  if (!json.is_object()) return nothing;
  const auto found = json.find(key);
  return found == json.end() ? nothing : *found;
}

std::string text_at(const Json& json, const char* key) {
  const Json& value = at(json, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool owns(const Json& entry, const std::string& field) {
  return at(at(at(entry, "fieldsV1"), "f:spec"), ("f:" + field).c_str()).is_object();
}

bool applied_before(const Json& object, const std::string& field) {
  for (const Json& entry : at(at(object, "metadata"), "managedFields")) {
    if (text_at(entry, "manager") == field_manager && text_at(entry, "operation") == "Apply" &&
        owns(entry, field)) {
      return true;
    }
  }
  return false;
}

}  // namespace

LiveObject read_live(const Node& object) {
  LiveObject live;
  live.json = to_json(object);
  live.status = decode_mapping_status(object);
  const auto metadata = object.find("metadata");
  if (!metadata) return live;
  const auto text = [&](std::string_view key) {
    const auto found = metadata->find(key);
    return found ? found->text() : std::string_view();
  };
  live.uid = text("uid");
  live.version = text("resourceVersion");
  const std::string_view generation = text("generation");
  std::from_chars(generation.data(), generation.data() + generation.size(), live.generation);
  live.deleting = !text("deletionTimestamp").empty();
  return live;
}

std::string apply_configuration(const core::Mapping& mapping, const StoredMapping* before) {
  Json json = {{"apiVersion", mapping_api_version},
               {"kind", "Mapping"},
               {"metadata", {{"name", mapping.name.name}, {"namespace", mapping.name.ns}}},
               {"spec", Json::object()}};
  const Json object = before == nullptr ? Json() : parse(before->live->json);
  json["metadata"]["resourceVersion"] =
      before == nullptr ? std::string(version_of_nothing) : before->live->version;
  for (const std::string_view name : mapping_fields) {
    const std::string field(name);
    Json value = field_json(mapping, field);
    if (before != nullptr && value == field_json(before->mapping, field)) {
      if (!applied_before(object, field)) continue;
      value = at(at(object, "spec"), field.c_str());
    }
    if (!value.is_null()) json["spec"][field] = std::move(value);
  }
  return dump_json(json);
}

std::vector<std::string> remaining_fields(const core::Mapping& before, const core::Mapping& after,
                                          const std::string& object) {
  std::vector<std::string> fields;
  const Json json = parse(object);
  for (const std::string_view name : mapping_fields) {
    const std::string field(name);
    if (field_json(before, field).is_null() || !field_json(after, field).is_null()) continue;
    if (!at(at(json, "spec"), field.c_str()).is_null()) fields.push_back(field);
  }
  return fields;
}

std::string removal_patch(const std::vector<std::string>& fields, const std::string& version) {
  Json json = {{"metadata", {{"resourceVersion", version}}}, {"spec", Json::object()}};
  for (const std::string& field : fields) json["spec"][field] = nullptr;
  return dump_json(json);
}

std::string owners_of(const std::string& object, const std::string& field) {
  std::set<std::string> names;
  const Json json = parse(object);
  for (const Json& entry : at(at(json, "metadata"), "managedFields")) {
    if (text_at(entry, "manager") != field_manager && owns(entry, field)) {
      names.insert(text_at(entry, "manager"));
    }
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? std::string(field_manager) : text;
}

}  // namespace kube
