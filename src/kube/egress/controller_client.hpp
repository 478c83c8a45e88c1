// What the controller does with a cluster: it makes workloads of Egresses and writes their status,
// tells pods of annotations that are in vain, and sweeps client lists. Of several controllers the
// one that leads does. No thread, no I/O, no clock and no chance of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/egress/overlapping_destinations.hpp"
#include "kube/api/client.hpp"
#include "kube/api/event_recorder.hpp"
#include "kube/api/leader_election.hpp"
#include "kube/api/requests.hpp"
#include "kube/api/resource_watches.hpp"
#include "kube/egress/client_list_sweeper.hpp"
#include "kube/egress/pod_annotation_events.hpp"
#include "kube/egress/workload_writer.hpp"

namespace kube {

// What others may know of it while it runs.
struct ControllerGauges {
  std::atomic<bool> synced = false;
  std::atomic<bool> leading = false;
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
  ControllerGauges* gauges = nullptr;  // outlives the client; null: nobody wants to know
};

class ControllerClient : public Client {
 public:
  // `transport` must outlive it.
  ControllerClient(Transport& transport, const os::Clock& clock, const ControllerOptions& options);

  void step() override;
  [[nodiscard]] os::Time due() const override;
  [[nodiscard]] bool synced() const override { return watches_.synced(); }
  // It needs no owner to plan.
  bool move_changes(core::ObjectChanges& /*into*/) override { return false; }
  std::optional<std::vector<Problem>> new_problems(
      const std::vector<std::string>& credentials) override;
  void resign() override { election_.resign(); }
  [[nodiscard]] bool resigned() const override { return election_.resigned(); }

  [[nodiscard]] bool leading() const { return election_.leading(); }

 private:
  void pass_on();
  void show();
  void take_ranges(Reflector& reflector);

  Transport& transport_;
  os::Clock clock_;
  ControllerGauges* gauges_;
  Watches watches_;
  Exchanges exchanges_;
  Election election_;
  EventRecorder events_;
  EgressWriter writer_;
  PodNotes notes_;
  ClientListSweeper sweeper_;
  Reflector* egresses_ = nullptr;
  Reflector* lists_ = nullptr;
  Reflector* nodes_ = nullptr;
  Reflector* service_ranges_ = nullptr;
  std::vector<Reflector*> parts_;
  // By resource and name.
  std::map<std::pair<Reflector*, std::string>, std::vector<core::ClusterRange>> ranges_;
  bool ranges_changed_ = false;
};

}  // namespace kube
