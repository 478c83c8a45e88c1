#include "kube/decode/object_text.hpp"

#include <nlohmann/json.hpp>

#include "kube/decode/json_text.hpp"
#include "kube/decode/mapping_fields.hpp"

namespace kube {
namespace {

using Json = nlohmann::ordered_json;

Json read(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_object() && json.contains("metadata") && json["metadata"].is_object()) {
    json["metadata"].erase("managedFields");
  }
  return json;
}

std::string pretty(const Json& json) { return dump_json(json, 2) + "\n"; }

bool has_children(const Json& json) { return json.is_structured() && !json.empty(); }

void write_yaml(std::string& out, const Json& json, std::size_t depth) {
  const std::string indent(depth, ' ');
  if (json.is_array()) {
    for (const Json& element : json) {
      if (!has_children(element)) {
        out += indent + "- " + yaml_scalar(element) + "\n";
        continue;
      }
      const std::size_t begin = out.size();
      write_yaml(out, element, depth + 2);
      out[begin + depth] = '-';
    }
    return;
  }
  for (const auto& [key, value] : json.items()) {
    out += indent + yaml_scalar(Json(key)) + ":";
    if (!has_children(value)) {
      out += " " + yaml_scalar(value) + "\n";
      continue;
    }
    out += "\n";
    write_yaml(out, value, depth + (value.is_array() ? 0 : 2));
  }
}

}  // namespace

std::string object_yaml(const std::string& json) {
  std::string out;
  write_yaml(out, read(json), 0);
  return out;
}

std::string object_json(const std::string& json) { return pretty(read(json)); }

std::string object_list_json(std::span<const std::string> objects) {
  Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", Json::array()}};
  for (const std::string& object : objects) list["items"].push_back(read(object));
  return pretty(list);
}

}  // namespace kube
