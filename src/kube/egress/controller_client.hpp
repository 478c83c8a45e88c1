// What the controller does with a cluster: it makes workloads of Egresses and writes their status,
// tells pods of annotations that are in vain, and sweeps client lists. Of several controllers the
// one that leads does. No thread, no I/O, no clock and no chance of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/egress/overlapping_destinations.hpp"
#include "kube/api/client_frame.hpp"
#include "kube/egress/client_list_sweeper.hpp"
#include "kube/egress/pod_annotation_events.hpp"
#include "kube/egress/workload_writer.hpp"

namespace kube {

// What others may know of it while it runs.
struct ControllerGauges {
  std::atomic<bool> synced = false;
  std::atomic<bool> leading = false;
  std::atomic<bool> reachable = true;  // the API server, as ApiServer has it
  std::atomic<std::uint64_t> egresses = 0;
  std::atomic<std::uint64_t> client_lists = 0;
  std::atomic<std::uint64_t> events_dropped = 0;
  std::atomic<std::int64_t> stepped = 0;  // Unix seconds
};

struct ControllerOptions {
  std::string context;             // stands before the names of objects in problems
  std::string instance;            // its name in Events
  std::string identity;            // in the election; of this process alone
  std::string ns = "pona-system";  // of the Lease
  WorkloadSettings workload;
  Trust trust{};
  ControllerGauges* gauges = nullptr;  // outlives the client; null: nobody wants to know
};

class ControllerClient : public ClientFrame {
 public:
  // `transport` must outlive it.
  ControllerClient(Transport& transport, const os::Clock& clock, const ControllerOptions& options);

  void step() override;

 private:
  void pass_on() override;
  void lead(bool leading) override;
  void show();
  void take_ranges(Reflector& reflector);

  os::Clock clock_;
  ControllerGauges* gauges_;
  EgressWriter writer_;
  PodNotes notes_;
  ClientListSweeper sweeper_;
  Reflector* egresses_ = nullptr;
  Reflector* lists_ = nullptr;
  Reflector* nodes_ = nullptr;
  Reflector* service_ranges_ = nullptr;
  Reflector* accounts_ = nullptr;  // that templates may name
  Reflector* nat_pods_ = nullptr;
  std::vector<Reflector*> parts_;  // of workloads
  // By resource and name.
  std::map<std::pair<Reflector*, std::string>, std::vector<core::ClusterRange>> ranges_;
  bool ranges_changed_ = false;
  std::set<core::ObjectName> allowed_accounts_;
};

}  // namespace kube
