#include "cmd/diag/model/object_fields.hpp"

namespace cmd {

std::optional<kube::Node> node_at(const kube::Node& root,
                                  std::initializer_list<std::string_view> path) {
  std::optional<kube::Node> at = root;
  for (const std::string_view key : path) {
    if (!at || at->type() != kube::Node::Type::map) return std::nullopt;
    at = at->find(key);
  }
  return at;
}

std::string_view text_of(const std::optional<kube::Node>& node) {
  return node && node->type() != kube::Node::Type::map && node->type() != kube::Node::Type::sequence
             ? node->text()
             : std::string_view();
}

std::string_view text_below(const kube::Node& root, std::initializer_list<std::string_view> path) {
  return text_of(node_at(root, path));
}

std::vector<kube::Node> list_below(const kube::Node& root,
                                   std::initializer_list<std::string_view> path) {
  std::vector<kube::Node> all;
  const auto list = node_at(root, path);
  if (!list || list->type() != kube::Node::Type::sequence) return all;
  for (const kube::Node one : *list) all.push_back(one);
  return all;
}

std::string qualified_name(const kube::Node& object) {
  const std::string ns(text_below(object, {"metadata", "namespace"}));
  const std::string name(text_below(object, {"metadata", "name"}));
  return ns.empty() ? name : ns + "/" + name;
}

}  // namespace cmd
