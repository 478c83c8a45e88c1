#include "kube/seen.hpp"

#include <charconv>
#include <string_view>

namespace kube {
namespace {

std::string_view text_at(const Node& node, std::string_view key) {
  const auto found = node.find(key);
  return found && found->type() == Node::Type::string ? found->text() : std::string_view();
}

}  // namespace

Seen decode_seen(const Node& object) {
  Seen seen;
  seen.status = decode_mapping_status(object);
  const auto metadata = object.find("metadata");
  if (!metadata || metadata->type() != Node::Type::map) return seen;
  seen.uid = text_at(*metadata, "uid");
  seen.version = text_at(*metadata, "resourceVersion");
  seen.deleting = !text_at(*metadata, "deletionTimestamp").empty();
  if (const auto node = metadata->find("generation"); node && node->type() == Node::Type::integer) {
    const std::string_view text = node->text();
    std::from_chars(text.data(), text.data() + text.size(), seen.generation);
  }
  const auto finalizers = metadata->find("finalizers");
  if (finalizers && finalizers->type() == Node::Type::sequence) {
    for (const Node one : *finalizers) seen.finalizers.emplace_back(one.text());
  }
  return seen;
}

bool is_not_newer(const std::string& version, const std::string& than) {
  const auto is_number = [](const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  };
  if (!is_number(version) || !is_number(than)) return false;
  if (version.size() != than.size()) return version.size() < than.size();
  return version <= than;
}

}  // namespace kube
