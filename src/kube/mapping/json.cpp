#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "kube/decode/json_text.hpp"
#include "kube/decode/mapping_fields.hpp"
#include "kube/mapping/text.hpp"

namespace kube {
namespace {

using Json = nlohmann::ordered_json;

Json port_json(const core::MappingPort& port) {
  Json json = {{"port", port.ports.first}};
  if (!port.ports.single()) json["endPort"] = port.ports.last;
  json["servicePort"] = port.service_port;
  json["protocol"] = core::to_string(port.protocol);
  return json;
}

std::string text_of(const Json& json, const char* key, const char* otherwise) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

bool is_mapping(const Json& json, const core::ObjectName& name, bool in_mapping_list) {
  if (!json.is_object() || !json.contains("metadata")) return false;
  if (!in_mapping_list && text_of(json, "kind", "") != "Mapping") return false;
  const Json& metadata = json["metadata"];
  return text_of(metadata, "name", "") == name.name &&
         text_of(metadata, "namespace", "default") == name.ns;
}

// The object in a document, or among the items of a list.
Json* find(Json& document, const core::ObjectName& name) {
  if (is_mapping(document, name, false)) return &document;
  if (!document.is_object() || !document.contains("items")) return nullptr;
  const bool typed = text_of(document, "kind", "") == "MappingList";
  for (Json& item : document["items"]) {
    if (is_mapping(item, name, typed)) return &item;
  }
  return nullptr;
}

// As deep as the first line that is.
int indentation(std::string_view text) {
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return 2;
  const std::size_t first = text.find_first_not_of(" \n", line);
  const std::size_t start = text.rfind('\n', first) + 1;
  return first == std::string_view::npos || first == start ? 2 : static_cast<int>(first - start);
}

std::string pretty(const Json& json, std::string_view like) {
  return dump_json(json, indentation(like)) + "\n";
}

// Several values in one file are read, but a value cannot be edited without writing all anew.
Json parse(std::string_view text) { return Json::parse(text, nullptr, false); }

}  // namespace

nlohmann::ordered_json field_json(const core::Mapping& mapping, std::string_view field) {
  Json json;
  if (field == "addresses") {
    json = Json::array();
    for (const auto& address : mapping.addresses) json.push_back(core::to_string(address));
  } else if (field == "allowedSources") {
    json = Json::array();
    for (const auto& source : mapping.allowed_sources) json.push_back(core::to_string(source));
  } else if (field == "serviceName") {
    json = mapping.service;
  } else if (field == "mode") {
    json = "service";
  } else if (field == "ports") {
    for (const auto& port : mapping.ports) json.push_back(port_json(port));
  } else if (field == "sessionAffinity" && mapping.affinity) {
    json = *mapping.affinity == core::Affinity::client_ip ? "ClientIP" : "None";
  } else if (field == "preserveClientIP" && mapping.preserve_client_ip) {
    json = *mapping.preserve_client_ip;
  } else if (field == "maxConnectionsPerSource" && mapping.max_connections_per_source > 0) {
    json = mapping.max_connections_per_source;
  } else if (field == "newConnectionsPerSecond" && mapping.new_connections_per_second > 0) {
    json = mapping.new_connections_per_second;
  }
  return json;
}

nlohmann::ordered_json object_json(const core::Mapping& mapping) {
  Json json = {{"apiVersion", mapping_api_version},
               {"kind", "Mapping"},
               {"metadata", {{"name", mapping.name.name}, {"namespace", mapping.name.ns}}}};
  if (mapping.created) {
    json["metadata"]["creationTimestamp"] = format_timestamp(*mapping.created);
  }
  for (const std::string_view field : mapping_fields) {
    if (auto value = field_json(mapping, field); !value.is_null()) {
      json["spec"][field] = std::move(value);
    }
  }
  return json;
}

std::string mapping_json(const core::Mapping& mapping) {
  return dump_json(object_json(mapping), 2) + "\n";
}

std::string mapping_list_json(std::span<const core::Mapping> mappings) {
  Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", Json::array()}};
  for (const auto& mapping : mappings) list["items"].push_back(object_json(mapping));
  return dump_json(list, 2) + "\n";
}

std::optional<std::string> edit_json(std::string_view text, const core::Mapping& before,
                                     const core::Mapping& after) {
  Json document = parse(text);
  Json* const object = find(document, before.name);
  if (object == nullptr) return std::nullopt;
  for (const std::string_view field : mapping_fields) {
    auto value = field_json(after, field);
    if (value == field_json(before, field)) continue;
    if (value.is_null()) {
      (*object)["spec"].erase(std::string(field));
    } else {
      (*object)["spec"][field] = std::move(value);
    }
  }
  return pretty(document, text);
}

std::optional<std::string> remove_json(std::string_view text, const core::ObjectName& name) {
  Json document = parse(text);
  Json* const object = find(document, name);
  if (object == nullptr) return std::nullopt;
  if (object == &document || document["items"].size() == 1) return std::string();
  Json& items = document["items"];
  items.erase(static_cast<std::size_t>(object - &items[0]));
  return pretty(document, text);
}

}  // namespace kube
