#include "kube/decode/object_version.hpp"

#include <charconv>
#include <string_view>

#include "kube/decode/decode.hpp"
#include "kube/decode/encoding.hpp"

namespace kube {
namespace {

// managedFields are half of most objects, and nobody's business here.
std::string json_of(const Node& map, bool whole = true) {
  std::string json;
  for (const Node field : map) {
    if (!whole && field.key() == "managedFields") continue;
    const bool metadata = whole && field.key() == "metadata" && field.type() == Node::Type::map;
    json += (json.empty() ? "" : ",") + json_text(field.key()) + ":" +
            (metadata ? json_of(field, false) : to_json(field));
  }
  return "{" + json + "}";
}

Decoded see_one(const Node& object) {
  Decoded decoded;
  decoded.line = object.line();
  const auto metadata = object.find("metadata");
  if (!metadata || metadata->type() != Node::Type::map) return decoded;
  decoded.id = core::ObjectId{
      core::Kind::egress,
      {std::string(text_at(*metadata, "namespace")), std::string(text_at(*metadata, "name"))}};
  Seen seen = decode_seen(object);
  seen.json = json_of(object);
  decoded.seen = std::make_shared<const Seen>(std::move(seen));
  return decoded;
}

}  // namespace

std::vector<Decoded> see_whole(const Node& root) {
  const auto items = root.find("items");
  if (!text_at(root, "kind").ends_with("List") || !items) return {see_one(root)};
  std::vector<Decoded> objects;
  for (const Node item : *items) objects.push_back(see_one(item));
  return objects;
}

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
  const auto owners = metadata->find("ownerReferences");
  if (owners && owners->type() == Node::Type::sequence) {
    for (const Node one : *owners) {
      if (one.type() == Node::Type::map) seen.owners.emplace_back(text_at(one, "uid"));
    }
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
