// Where the edge's objects come from, by its options: a directory of manifests, a cluster, or both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "cmd/edge/options/options.hpp"
#include "kube/source.hpp"

namespace cmd {

// Who only looks writes no file and locks none.
enum class Purpose : std::uint8_t { serve, look };

// A cluster's objects are saved, and those saved before are given until it can be read. `warn` is
// told what is usable but unwise in a kubeconfig. Throws core::Error (usage) when it
// cannot be used.
std::unique_ptr<kube::Source> open_source(const EdgeOptions& options, Purpose purpose,
                                          const std::function<void(const std::string&)>& warn);

// Where they are saved; empty: nowhere.
std::filesystem::path saved_objects_file(const EdgeOptions& options);

// All objects, for those who look only once: waits for a cluster's answers, though not for ever.
core::ObjectChanges take_all(kube::Source& source, const EdgeOptions& options);

// "/etc/pona/manifests and the cluster of ~/.kube/config"
std::string describe_source(const EdgeOptions& options);

// What decided for it: "--manifests", "KUBECONFIG", "default".
std::string source_origin(const ResolvedOptions& resolved);

}  // namespace cmd
