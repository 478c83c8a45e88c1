#include "kube/decode/decode.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/endpoints_name.hpp"
#include "kube/decode/kinds.hpp"

namespace kube {
namespace {

std::optional<core::ObjectName> decode_name(const Field& metadata, const KnownKind& kind) {
  core::ObjectName name;
  const Field ns = metadata.at("namespace");
  const auto ns_text = ns.string();
  // What is of the whole cluster has none, whatever its author wrote.
  if (kind.namespaced) name.ns = ns_text.value_or("default");
  if (ns_text && !is_dns_label(*ns_text)) {
    ns.reject(quote(*ns_text) +
              " is not a namespace: lower-case letters, digits and \"-\", at most 63");
    return std::nullopt;
  }
  const Field field = metadata.at("name");
  if (field.missing()) {
    field.reject("missing: every object needs a name");
    return std::nullopt;
  }
  const auto text = field.string();
  if (!text) return std::nullopt;
  if (!is_dns_subdomain(*text)) {
    field.reject(
        quote(*text) +
        " is not an object's name: lower-case letters, digits, \"-\" and \".\", at most 253");
    return std::nullopt;
  }
  name.name = *text;
  return name;
}

// Nothing where this process does not read the kind. A known kind in a version that is not known is
// worth a word: ignoring it would look like a Mapping that does nothing.
const KnownKind* find_kind(const Field& root, std::string_view api_version, std::string_view kind,
                           const Kinds& kinds) {
  const std::size_t slash = api_version.find('/');
  const std::size_t version = slash == std::string_view::npos ? 0 : slash + 1;
  const KnownKind* nearest = nullptr;
  for (const KnownKind& known : known_kinds()) {
    if (kind != known.name || api_version.substr(0, version) != known.group) continue;
    if (known.applies != nullptr && !known.applies(root)) continue;
    if (nearest == nullptr) nearest = &known;
    if (api_version.substr(version) == known.version) nearest = &known;
  }
  if (nearest == nullptr || !kinds.contains(nearest->kind)) return nullptr;
  if (api_version.substr(version) != nearest->version) {
    root.at("apiVersion")
        .reject(quote(api_version) + " is not read: write " + std::string(nearest->group) +
                std::string(nearest->version));
  }
  return nearest;
}

// What the items of typed lists leave out: API servers write a ServiceList's items without kind.
struct Inherited {
  std::string_view api_version;
  std::string_view kind;
};

// `part` of those that the object stands for.
Decoded decode_object(const Node& node, const Inherited& inherited, const DecodeOptions& options,
                      std::size_t part) {
  Decoded decoded;
  decoded.line = node.line();
  const Field root(node, decoded.findings);
  if (node.type() != Node::Type::map) {
    root.reject("not a Kubernetes object: it must be a map with apiVersion, kind and metadata");
    return decoded;
  }
  const Field api_version = root.at("apiVersion");
  const Field kind = root.at("kind");
  const auto api_version_text = api_version.missing() && !inherited.api_version.empty()
                                    ? inherited.api_version
                                    : api_version.string();
  const auto kind_text = kind.missing() && !inherited.kind.empty() ? inherited.kind : kind.string();
  if (!api_version_text && api_version.missing()) api_version.reject("missing");
  if (!kind_text && kind.missing()) kind.reject("missing");
  if (!api_version_text || !kind_text) return decoded;
  const KnownKind* const known = find_kind(root, *api_version_text, *kind_text, options.kinds);
  if (known == nullptr) {
    decoded.ignored = true;
    return decoded;
  }
  const Field metadata = root.at("metadata");
  if (metadata.missing()) metadata.reject("missing: every object needs a name");
  if (!metadata.is_map()) return decoded;
  auto name = decode_name(metadata, *known);
  if (!name) return decoded;
  if (known->decode == decode_endpoints) name->name = core::slice_of_endpoints(name->name, part);
  decoded.id = core::ObjectId{known->kind, *name};
  std::shared_ptr<const core::Object> object;
  try {
    object = std::make_shared<const core::Object>(known->decode(root, *std::move(name), options));
  } catch (const std::exception& error) {
    // Whatever somebody has written costs this object alone.
    root.reject("cannot be read: " + std::string(error.what()));
    return decoded;
  }
  if (options.served && known->written != nullptr && known->written(*object)) {
    auto seen = std::make_shared<Seen>(decode_seen(node));
    for (const Finding& finding : decoded.findings) {
      (finding.fatal ? seen->faults : seen->warnings).push_back(to_string(finding, std::nullopt));
    }
    if (options.whole) seen->json = see_whole(node).front().seen->json;
    decoded.seen = std::move(seen);
  }
  if (std::ranges::none_of(decoded.findings, &Finding::fatal)) decoded.object = std::move(object);
  return decoded;
}

void add_decoded(std::vector<Decoded>& objects, const Node& node, const Inherited& inherited,
                 const DecodeOptions& options) {
  objects.push_back(decode_object(node, inherited, options, 0));
  const auto& id = objects.back().id;
  if (!id || id->kind != core::Kind::endpoint_slice || !core::is_of_endpoints(id->name.name)) {
    return;
  }
  for (std::size_t part = 1; part < subsets_of(node); ++part) {
    objects.push_back(decode_object(node, inherited, options, part));
  }
}

}  // namespace

std::vector<Decoded> decode(const Node& root, const DecodeOptions& options) {
  std::vector<Decoded> objects;
  const auto text = [&](std::string_view key) {
    const auto node = root.find(key);
    return node && node->type() == Node::Type::string ? node->text() : std::string_view();
  };
  const std::string_view kind = text("kind");
  const auto items = root.find("items");
  if (!kind.ends_with("List") || !items || items->type() != Node::Type::sequence) {
    add_decoded(objects, root, {}, options);
    return objects;
  }
  Inherited inherited;
  if (kind != "List") inherited = {text("apiVersion"), kind.substr(0, kind.size() - 4)};
  for (const Node item : *items) add_decoded(objects, item, inherited, options);
  return objects;
}

std::string to_string(const Finding& finding, const std::optional<core::ObjectId>& id) {
  std::string text = id ? core::to_string(*id) + ": " : std::string();
  if (!finding.field.empty()) text += finding.field + ": ";
  return text + finding.text;
}

}  // namespace kube
