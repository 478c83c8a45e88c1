// The objects of a cluster, by its API server, as the edge reads them, and to which it tells what
// came of them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kube/api/kubeconfig.hpp"
#include "kube/source.hpp"

namespace kube {

struct ClusterOptions {
  ClientConfig config;
  std::string user_agent;  // "pona/0.1.0 (edge)"
  std::size_t max_ports_per_mapping = 50;
  std::string node;      // that this process runs on, where it does on one of the cluster
  std::string instance;  // this edge's name in what it writes; empty: it writes nothing
  std::string ns;        // of the Lease by which edges elect who writes for all
  std::size_t max_addresses_per_service = 256;             // that it may ask for
  std::vector<std::shared_ptr<const core::Object>> known;  // to an earlier process
};

// Mappings, Services, EndpointSlices and AddressPools of all namespaces; what the owner's loop
// reports is written into statuses. Nothing is connected yet when it returns; what goes wrong then
// is among the problems, and tried again for ever. Throws core::Error when the process has no
// descriptors left.
std::unique_ptr<Source> open_cluster(const ClusterOptions& options);

}  // namespace kube
