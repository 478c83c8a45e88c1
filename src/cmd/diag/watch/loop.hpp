// The loop of `pona diag watch`: waits for events, asks whose they are, and hands on what fits, as
// fast as the output takes it. Rule: nobody waits for it. What comes too fast is counted, by it or
// by the kernel.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cmd/diag/watch/objects.hpp"
#include "cmd/diag/watch/output.hpp"
#include "core/watch/filter.hpp"
#include "core/watch/tally.hpp"
#include "net/netns.hpp"
#include "net/probe/drop_watch.hpp"
#include "net/probe/flow_watch.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

namespace cmd {

struct WatchPlace {
  std::string label;
  std::string netns;  // as --from-netns has it; empty: here
  net::Namespace network;
};

struct WatchBounds {
  std::chrono::duration<double> interval{};
  std::uint64_t count = 0;                   // of events; 0: none
  std::chrono::duration<double> duration{};  // 0: none
};

class WatchLoop {
 public:
  // All but `filter` and `bounds` must outlive it. Throws core::Error.
  WatchLoop(const std::vector<WatchPlace>& places, core::watch::Filter filter,
            WatchObjects& objects, WatchOutput& output, WatchBounds bounds);

  // Until a signal, the bounds, or who reads the output ends it. The exit status: 3, if fewer
  // events came than are to be counted.
  int run(const os::Fd& signals, std::vector<std::string> notes);

 private:
  [[nodiscard]] os::Time now() const { return std::chrono::steady_clock::now(); }
  [[nodiscard]] bool over() const;
  bool heed(const os::Fd& signals);
  void wait(const os::Fd& signals, os::Time until, bool events);
  bool drain();
  void take(const core::watch::Flow& flow);
  void take(const core::packet::DropEvent& event);
  void meter();
  void report();
  [[nodiscard]] std::string_view place(std::optional<std::size_t> number) const;
  [[nodiscard]] core::watch::Said said_of(const std::string* owner,
                                          const core::packet::FlowTuple& tuple,
                                          std::optional<std::size_t> number) const;
  std::string interface_name(std::size_t place, std::uint32_t index);
  [[nodiscard]] std::uint64_t lost_so_far() const;
  [[nodiscard]] std::string next_step(const std::vector<core::watch::Drops::Row>& drops) const;

  const std::vector<WatchPlace>& places_;
  core::watch::Filter filter_;
  WatchObjects& objects_;
  WatchOutput& output_;
  WatchBounds bounds_;

  std::vector<std::unique_ptr<net::probe::FlowWatch>> flows_;
  std::unique_ptr<net::probe::DropWatch> drop_watch_;
  std::string no_drops_;  // why
  bool counts_bytes_ = false;

  core::watch::Rates rates_;
  core::watch::Drops drops_;
  core::watch::Meter meter_;
  core::watch::Budget budget_;
  WatchTotals totals_;
  std::uint64_t shown_ = 0;
  bool stopped_ = false;
  bool stranger_ = false;
  os::Time begun_{};
  os::Time last_report_{};
  std::map<std::pair<std::size_t, std::uint32_t>, std::string> interfaces_;
};

}  // namespace cmd
