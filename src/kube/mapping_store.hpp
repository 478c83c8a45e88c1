// Where the admin commands keep Mappings. Implemented by a directory of manifests; a cluster will
// be another. It stores what it is given: whether that makes sense beside the others is the
// caller's question.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/objects.hpp"
#include "kube/decode.hpp"
#include "kube/source.hpp"

namespace kube {

struct StoredMapping {
  core::Mapping mapping;
  std::string where;  // "file:line" or "context"
};

struct StoredObjects {
  std::vector<StoredMapping> mappings;  // sorted by name
  std::set<core::ObjectName> services;
  std::vector<Problem> problems;        // what was left out, and what is odd
  std::set<core::ObjectName> left_out;  // Mappings that exist, but not well enough to be read
};

// What became of a change, or would have with `dry_run`.
struct StoreChange {
  std::string what;      // "created in FILE", "changed in FILE", "FILE deleted, …"
  std::string manifest;  // the resulting object; empty when it is gone
};

class MappingStore {
 public:
  MappingStore() = default;
  MappingStore(const MappingStore&) = delete;
  MappingStore& operator=(const MappingStore&) = delete;
  virtual ~MappingStore() = default;

  // Nobody else that asks for it changes anything while this object lives. Take it before list().
  virtual void lock() = 0;

  // As it is now.
  virtual StoredObjects list() = 0;

  // Creates the Mapping, or makes the stored one of its name equal to it.
  virtual StoreChange put(const core::Mapping& mapping, bool dry_run) = 0;
  virtual StoreChange remove(const core::ObjectName& name, bool dry_run) = 0;
};

struct ManifestStoreOptions {
  std::filesystem::path directory;
  std::filesystem::path new_file;  // where put() creates; empty: NAMESPACE_NAME.yaml
  DecodeOptions decode;
};

std::unique_ptr<MappingStore> open_manifest_store(ManifestStoreOptions options);

}  // namespace kube
