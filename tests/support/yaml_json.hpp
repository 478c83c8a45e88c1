// YAML documents as JSON values, by the project's own parser.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kube/decode/parse.hpp"

namespace test {

inline nlohmann::json json_of(const kube::Node& node) {
  using Type = kube::Node::Type;
  nlohmann::json json;
  if (node.type() == Type::sequence) {
    json = nlohmann::json::array();
    for (const kube::Node element : node) json.push_back(json_of(element));
  } else if (node.type() == Type::map) {
    json = nlohmann::json::object();
    for (const kube::Node member : node) json[std::string(member.key())] = json_of(member);
  } else if (node.type() == Type::string) {
    json = std::string(node.text());
  } else if (node.type() != Type::null) {
    json = nlohmann::json::parse(node.text());
  }
  return json;
}

// Documents without content are left out.
inline std::vector<nlohmann::json> yaml_documents(std::string_view text) {
  std::vector<nlohmann::json> documents;
  for (const kube::Cut& cut : kube::cut_yaml(text)) {
    kube::Document document;
    if (const auto error = kube::parse_yaml(cut, document)) throw std::runtime_error(error->reason);
    if (const auto root = document.root()) documents.push_back(json_of(*root));
  }
  return documents;
}

}  // namespace test
