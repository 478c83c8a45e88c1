// The entries of one kubeconfig file to values: what a cluster and a user say, and what of it does
// not go together. Behind load_config(), which finds the files and picks the entries.
#pragma once

#include <filesystem>

#include "kube/api/kubeconfig.hpp"
#include "kube/decode/field.hpp"

namespace kube {

// Relative paths are relative to `directory`. What is wrong becomes a fatal finding.
Cluster decode_cluster(const Field& field, const std::filesystem::path& directory);
User decode_user(const Field& field, const std::filesystem::path& directory);

}  // namespace kube
