// The objects of a directory of manifests: YAML and JSON files at any depth, watched for changes.
// A file is read anew as a whole, but what did not change in it is not parsed again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "kube/decode/decode.hpp"
#include "kube/source.hpp"

namespace kube {

struct ManifestOptions {
  std::filesystem::path directory;
  std::size_t max_ports_per_mapping = 50;
  Kinds kinds = edge_kinds;  // the rest is counted as ignored
  bool watch = true;         // for changes; who looks once need not
};

std::unique_ptr<Source> open_manifests(ManifestOptions options);

}  // namespace kube
