// What the edge does with a cluster: its state machines over one transport. No thread, no I/O, no
// clock and no chance of its own: cluster_source.hpp runs it in a thread over HTTPS, simulations
// run many in one process.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/edge/mapping_status.hpp"
#include "kube/api/client_frame.hpp"

namespace kube {

struct ClusterClientOptions {
  std::string context;  // stands before the names of objects in problems
  std::size_t max_ports_per_mapping = 50;
  std::string node;  // that this process runs on, where it does on one of the cluster
  // The name of this edge in what it writes: status.instances, Events. Empty: it writes nothing.
  std::string instance;
  std::string ns = "pona-system";  // of the Lease by which edges elect who writes for all
  std::string identity;            // in that election; of this process alone
  std::size_t max_addresses_per_service = 256;  // that it may ask for
  Trust trust{};
  std::vector<std::shared_ptr<const core::Object>> known{};  // to an earlier process
};

class ClusterClient : public ClientFrame {
 public:
  // `transport` must outlive it.
  ClusterClient(Transport& transport, const os::Clock& clock, const ClusterClientOptions& options);
  ~ClusterClient() override;

  [[nodiscard]] ApiServer api_server() const override;

  // What the edge does for the Mappings that it planned anew.
  void report(const core::PlannedMappings& planned);

 private:
  struct Writers;

  void pass_on() override;
  void lead(bool leading) override;

  std::unique_ptr<Writers> writers_;  // null: it writes nothing
};

}  // namespace kube
