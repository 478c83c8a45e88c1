// Where the admin commands keep Mappings: a directory of manifests, or a cluster. It stores what it
// is given: whether that makes sense beside the others is the caller's question.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/objects.hpp"
#include "kube/api/kubeconfig.hpp"
#include "kube/decode/decode.hpp"
#include "kube/decode/mapping_status.hpp"
#include "kube/source.hpp"

namespace kube {

// What only a cluster knows of a Mapping.
struct LiveObject {
  std::string uid;
  std::string version;          // metadata.resourceVersion
  std::int64_t generation = 0;  // metadata.generation
  bool deleting = false;        // waits for finalizers
  MappingStatusView status;
  std::string json;  // all of it, in one line
};

struct StoredMapping {
  core::Mapping mapping;
  std::string where;                                 // "file:line" or "context"
  std::shared_ptr<const LiveObject> live = nullptr;  // null: of a manifest
};

struct StoredObjects {
  std::vector<StoredMapping> mappings;  // sorted by name
  std::vector<Problem> problems;        // what was left out, and what is odd
  std::set<core::ObjectName> left_out;  // Mappings that exist, but not well enough to be read
};

// What became of a change, or would have with `dry_run`.
struct StoreChange {
  std::string what;       // "created in FILE", "changed in FILE", "FILE deleted, …"
  std::string manifest;   // the resulting object; empty when it is gone
  bool outdated = false;  // nothing became of it: somebody else was quicker, look again
};

class MappingStore {
 public:
  MappingStore() = default;
  MappingStore(const MappingStore&) = delete;
  MappingStore& operator=(const MappingStore&) = delete;
  virtual ~MappingStore() = default;

  // For messages: "/etc/pona/manifests".
  [[nodiscard]] virtual std::string place() const = 0;
  // The namespace of names that are given without one; empty: a name may be in any.
  [[nodiscard]] virtual std::string usual_namespace() const = 0;

  // Nobody else that asks for it changes anything while this object lives. Take it before find().
  virtual void lock() = 0;

  // As it is now, in one namespace or, where `ns` is empty, in all.
  virtual StoredObjects list(const std::string& ns) = 0;
  // At least what there is of one name.
  virtual StoredObjects find(const core::ObjectName& name) = 0;
  // Nothing: who asks is not allowed to know.
  virtual std::optional<bool> has_service(const core::ObjectName& name) = 0;

  // Creates the Mapping where `before` is null, else makes `before`, as it was found, equal to it.
  virtual StoreChange put(const core::Mapping& mapping, const StoredMapping* before,
                          bool dry_run) = 0;
  virtual StoreChange remove(const core::ObjectName& name, bool dry_run) = 0;
};

struct ManifestStoreOptions {
  std::filesystem::path directory;
  std::filesystem::path new_file;  // where put() creates; empty: NAMESPACE_NAME.yaml
  DecodeOptions decode;
};

std::unique_ptr<MappingStore> open_manifest_store(ManifestStoreOptions options);

struct ClusterStoreOptions {
  ClientConfig config;
  std::string user_agent;        // "pona/0.1.0 (mapping)"
  bool force_conflicts = false;  // take fields over from those who own them
  bool dry_run_server = false;   // the server judges every change and keeps none
};

// By server-side apply: what is changed becomes the field manager's, the rest stays whose it is.
std::unique_ptr<MappingStore> open_cluster_store(ClusterStoreOptions options);

inline constexpr std::string_view field_manager = "pona-mapping";

}  // namespace kube
