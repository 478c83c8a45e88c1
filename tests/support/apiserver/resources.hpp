// What the server serves: one Resource per group, version and plural, the built-in ones from a
// table and those of CustomResourceDefinitions as they come and go. How objects of a kind merge,
// which subresources there are, what columns a table has; the objects themselves are in the Store.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/apiserver/fields.hpp"
#include "support/apiserver/refusal.hpp"
#include "support/apiserver/schema.hpp"

namespace support::apiserver {

struct Resource {
  std::string group;
  std::string version;
  std::string plural;
  std::string singular;
  std::string kind;
  std::string list_kind;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  std::vector<std::string> verbs;
  std::vector<std::string> selectable;  // fields beside metadata.name and metadata.namespace
  std::string storage_hash;             // as discovery shows it; "" for custom resources
  bool namespaced = true;
  bool status = false;
  bool scale = false;
  bool generation = false;
  bool custom = false;
  bool needs_version = false;  // an update without resourceVersion is refused
  bool creates_on_update = false;
  bool returns_deleted = false;  // DELETE answers with the object, not with a Status
  // Stored as a resource of another group or version, whose fields are renamed: {ours, stored}.
  std::string stored_as;  // "events"; "" is itself
  std::vector<std::pair<std::string, std::string>> renamed;
  std::shared_ptr<const Schema> schema;
  Json openapi;  // of a custom resource
  Json columns;  // additionalPrinterColumns

  [[nodiscard]] std::string api_version() const {
    return group.empty() ? version : group + "/" + version;
  }
  [[nodiscard]] About about(const std::string& name) const { return {name, group, plural, kind}; }
  // What the store files it under.
  [[nodiscard]] std::string storage() const {
    return stored_as.empty() ? about("").resource() : stored_as;
  }
  // What a write through this door leaves alone.
  [[nodiscard]] FieldSet ignored(const std::string& subresource) const;
  // An object as it is stored, in this version's words, and the other way round.
  [[nodiscard]] Json present(const Json& stored) const;
  [[nodiscard]] Json to_stored(Json object) const;
};

class Resources {
 public:
  Resources();

  // In the order of discovery.
  [[nodiscard]] const std::vector<std::shared_ptr<const Resource>>& all() const { return all_; }
  [[nodiscard]] std::shared_ptr<const Resource> find(const std::string& group,
                                                     const std::string& version,
                                                     const std::string& plural) const;
  [[nodiscard]] std::shared_ptr<const Resource> of_kind(const std::string& api_version,
                                                        const std::string& kind) const;
  [[nodiscard]] bool serves(const std::string& group, const std::string& version) const;

  // Adds or replaces what a CustomResourceDefinition defines.
  void define(const Json& definition);
  void forget(const std::string& group, const std::string& plural);

 private:
  std::vector<std::shared_ptr<const Resource>> all_;
};

}  // namespace support::apiserver
