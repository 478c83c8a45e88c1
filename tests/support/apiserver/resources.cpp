#include "support/apiserver/resources.hpp"

#include <algorithm>

#include "support/apiserver/built_in.hpp"

namespace support::apiserver {
namespace {

const std::vector<std::string> custom_verbs = {"delete", "deletecollection", "get",    "list",
                                               "patch",  "create",           "update", "watch"};

std::vector<std::string> strings(const Json* list) {
  return list == nullptr || !list->is_array() ? std::vector<std::string>()
                                              : list->get<std::vector<std::string>>();
}

Resource defined(const Json& definition, const Json& version) {
  Resource out;
  out.custom = true;
  out.group = text(definition, "spec.group");
  out.version = text(version, "name");
  const Json& names = definition.at("spec").at("names");
  out.plural = text(names, "plural");
  out.singular = text(names, "singular");
  out.kind = text(names, "kind");
  out.list_kind = text(names, "listKind");
  out.short_names = strings(find(names, "shortNames"));
  out.categories = strings(find(names, "categories"));
  out.verbs = custom_verbs;
  out.namespaced = text(definition, "spec.scope") == "Namespaced";
  out.status = find(version, "subresources.status") != nullptr;
  out.scale = find(version, "subresources.scale") != nullptr;
  out.generation = true;
  out.needs_version = true;
  if (const Json* const openapi = find(version, "schema.openAPIV3Schema")) out.openapi = *openapi;
  auto schema = custom_schema(out.openapi);
  // Metadata merges as that of every kind.
  schema->fields["metadata"] = built_in_schema("")->fields.at("metadata");
  schema->fields.emplace("apiVersion", std::make_shared<Schema>());
  schema->fields.emplace("kind", std::make_shared<Schema>());
  out.schema = schema;
  if (const Json* const columns = find(version, "additionalPrinterColumns")) out.columns = *columns;
  if (const Json* const fields = find(version, "selectableFields")) {
    for (const Json& field : *fields) out.selectable.push_back(text(field, "jsonPath").substr(1));
  }
  return out;
}

}  // namespace

FieldSet Resource::ignored(const std::string& subresource) const {
  FieldSet set;
  if (subresource == "status") {
    set.insert({"f:spec"});
    if (custom) set.insert({"f:metadata"});
  } else if (status) {
    set.insert({"f:status"});
  }
  return set;
}

Json Resource::present(const Json& stored) const {
  Json out = stored;
  for (const auto& [ours, theirs] : renamed) {
    const auto found = out.find(theirs);
    if (found == out.end()) continue;
    Json value = std::move(*found);
    out.erase(theirs);
    out[ours] = std::move(value);
  }
  out["apiVersion"] = api_version();
  out["kind"] = kind;
  return out;
}

Json Resource::to_stored(Json object) const {
  for (const auto& [ours, theirs] : renamed) {
    const auto found = object.find(ours);
    if (found == object.end()) continue;
    Json value = std::move(*found);
    object.erase(ours);
    object[theirs] = std::move(value);
  }
  return object;
}

Resources::Resources() {
  for (Resource& resource : built_in_resources()) {
    all_.push_back(std::make_shared<const Resource>(std::move(resource)));
  }
}

std::shared_ptr<const Resource> Resources::find(const std::string& group,
                                                const std::string& version,
                                                const std::string& plural) const {
  for (const auto& resource : all_) {
    if (resource->group == group && resource->version == version && resource->plural == plural) {
      return resource;
    }
  }
  return nullptr;
}

std::shared_ptr<const Resource> Resources::of_kind(const std::string& api_version,
                                                   const std::string& kind) const {
  for (const auto& resource : all_) {
    if (resource->kind == kind && resource->api_version() == api_version) return resource;
  }
  return nullptr;
}

bool Resources::serves(const std::string& group, const std::string& version) const {
  return std::any_of(all_.begin(), all_.end(), [&](const auto& resource) {
    return resource->group == group && resource->version == version;
  });
}

void Resources::define(const Json& definition) {
  forget(text(definition, "spec.group"), text(definition, "spec.names.plural"));
  for (const Json& version : definition.at("spec").at("versions")) {
    if (version.value("served", false)) {
      all_.push_back(std::make_shared<const Resource>(defined(definition, version)));
    }
  }
}

void Resources::forget(const std::string& group, const std::string& plural) {
  all_.erase(std::remove_if(all_.begin(), all_.end(),
                            [&](const auto& resource) {
                              return resource->custom && resource->group == group &&
                                     resource->plural == plural;
                            }),
             all_.end());
}

}  // namespace support::apiserver
