// The edge's reconcile loop: news from the source and the kernel, one plan, and the kernel brought
// in line with it. Knows no clock, no descriptor, no thread: whoever calls step() does. Nothing is
// changed in the kernel before the source has had a complete look.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cmd/edge/host_listeners.hpp"
#include "cmd/edge/obstacle_watch.hpp"
#include "cmd/edge/port_use_watch.hpp"
#include "cmd/edge/stale_connections.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/serve/backoff.hpp"
#include "cmd/serve/conntrack_watch.hpp"
#include "core/edge/plan_edge.hpp"
#include "core/error.hpp"
#include "core/state/repair_text.hpp"
#include "kube/source.hpp"
#include "net/kernel.hpp"
#include "os/clock.hpp"

namespace cmd {

// What health is judged by. A copy goes to the HTTP thread after every step.
struct EdgeHealth {
  bool synced = false;         // the source is complete, or all of it that can be read
  bool intact = true;          // nobody is known to have changed our tables, routes or rules
  std::int64_t last_sync = 0;  // Unix seconds; 0: never
  // The objects are those that were saved then, Unix seconds. No trouble: traffic flows by them,
  // and to start again would not make them younger.
  std::optional<std::int64_t> stale_since;
  std::string trouble;                 // why the last attempt failed; empty: it did not
  std::vector<std::string> obstacles;  // chains of other programs that drop mapped traffic
  std::optional<os::Time> busy_since;  // set while a step runs
};

struct EdgeVerdict {
  bool healthy = false;  // the kernel is as planned, and the loop turns
  bool ready = false;    // traffic flows, perhaps by an older plan
  std::vector<std::string> troubles;
};

EdgeVerdict judge(const EdgeHealth& health, os::Time now);

class EdgeLoop {
 public:
  // `address_hold`: how long connections through an address outlive its leaving this host.
  // `listens` is asked in step(): who listens on the host; `count_ports` likewise.
  EdgeLoop(
      net::Kernel& kernel, kube::Source& source, const core::EdgeSettings& settings,
      std::chrono::seconds resync, os::Clock clock,
      std::chrono::seconds address_hold = std::chrono::seconds(60),
      HostListeners::Read listens = [] { return core::Listeners(); },
      PortUseWatch::Ask count_ports = [](std::uint32_t) { return std::nullopt; });

  // Does what is due; call it when a descriptor is readable or the returned time has come. Throws
  // core::Error only before the first success, for what trying again cannot mend.
  os::Time step();

  // Who had which ports in an earlier process; before the first step.
  void remember(core::Claims::Held held) { plan_.remember(std::move(held)); }

  // Compares everything at the next step.
  void resync();

  [[nodiscard]] const EdgeHealth& health() const { return health_; }
  [[nodiscard]] const core::EdgePlan& plan() const { return plan_; }
  // Beside the plan's: what the host is short of, and what on it is in the way.
  [[nodiscard]] std::vector<std::string> host_warnings() const;
  // Endpoints towards which most source ports are in use.
  [[nodiscard]] const std::vector<core::PortUse>& port_use() const { return ports_.use(); }
  [[nodiscard]] const kube::Source& source() const { return source_; }
  [[nodiscard]] net::Kernel& kernel() { return kernel_; }
  [[nodiscard]] EdgeStatistics& statistics() { return statistics_; }

 private:
  bool hear();
  void note_staleness();
  void look_for_obstacles();
  void look_at_ports();
  using Told = std::map<core::ObjectId, std::string>;
  void tell_again(const Told& before, const Told& after);
  void tell_meddler(const core::Meddler& meddler);
  bool attempt();
  [[nodiscard]] bool wants_listeners() const;
  void hold_what_is_carried();
  void absorb_objects();
  [[nodiscard]] bool gathers() const;
  void absorb(const core::EdgeUpdate& update);
  void compare();
  std::pair<core::State, core::Changes> difference();
  void compare_whole();
  bool adopt_slots(const core::State& observed);
  bool use_slots(core::SlotLayout layout);
  void agree_on_slots();
  void compare_apart(const core::Error& error);
  void commit(const core::Changes& changes);
  void note_tampering(const net::Kernel::Events& events);
  void log_commit(const core::Changes& changes, os::Time::duration took);
  void log_planned(const core::Changes& changes, os::Time::duration took) const;
  void set_liberal(const core::Change& change);
  void sweep();
  void succeed();
  void fail(const core::Error& error);
  void report();
  void tell();
  [[nodiscard]] os::Time next_due() const;

  net::Kernel& kernel_;
  kube::Source& source_;
  core::EdgePlan plan_;
  EdgeSweep sweep_;
  ConntrackWatch conntrack_;
  HostListeners listeners_;
  std::uint64_t refusals_asked_ = 0;  // refused claims that the kernel was asked for
  bool carried_known_ = false;        // what it carried at the start is known
  ObstacleWatch obstacles_;
  PortUseWatch ports_;
  os::Clock clock_;
  std::chrono::seconds resync_;
  EdgeHealth health_;
  EdgeStatistics statistics_;

  std::set<core::ObjectName> planned_;  // Mappings whose outcome is still to be told
  core::ObjectChanges objects_;         // taken, not yet planned
  bool whole_ = false;                  // the source is complete: what it lacks is to go
  bool slots_agreed_ = false;           // other edges had a say in the slot layout
  bool host_due_ = true;                // the host is to be looked at
  bool compare_due_ = true;             // kernel and plan may differ by more than is known
  bool sweep_all_ = true;               // no sweep since the start
  os::Time attempted_{};
  os::Time gather_until_{};  // news that come before wait for each other
  os::Time not_before_{};    // of the next attempt, after a failure
  os::Time compare_from_{};  // of the next comparison, however often somebody tampers
  os::Time host_from_{};     // of the next look at the host
  os::Time sweep_from_{};
  os::Time next_resync_{};
  Backoff backoff_;
  int failures_ = 0;  // in a row
  // When what the kernel refused gets another try; empty: it refuses nothing.
  std::optional<os::Time> aside_from_;
  std::chrono::milliseconds aside_delay_{};

  // While what somebody else did is still to be found and put back.
  struct Tampering {
    core::Intact before;
    core::Meddlers who;
  };
  std::optional<Tampering> tampering_;
  std::vector<std::string> news_;  // of forwards, for the log once they are in effect
  os::Time meddler_from_{};        // is told again
  bool report_due_ = false;
  os::Time report_from_{};
  std::set<core::Rejection> rejections_;  // as last logged
  std::set<std::string> problems_;
  std::set<std::string> warnings_;
};

}  // namespace cmd
