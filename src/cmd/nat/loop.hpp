// The NAT pod's reconcile loop: news from the source and the kernel, one plan, and the kernel
// brought in line with it. Knows no descriptor and no thread: whoever calls step() does. Nothing is
// changed in the kernel before the source has had a complete look, so that a process that starts
// again in the same pod interrupts nobody.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cmd/serve/backoff.hpp"
#include "cmd/serve/conntrack_watch.hpp"
#include "core/egress/plan_nat.hpp"
#include "kube/source.hpp"
#include "net/kernel.hpp"
#include "os/clock.hpp"

namespace cmd {

class NatLoop {
 public:
  NatLoop(net::Kernel& kernel, kube::Source& source, core::NatSettings settings,
          std::chrono::seconds resync, os::Clock clock);

  // Does what is due; call it when a descriptor is readable or the returned time has come.
  os::Time step();
  void resync() { compare_due_ = host_due_ = true; }

  [[nodiscard]] const core::NatPlan& plan() const { return plan_; }
  [[nodiscard]] net::Kernel& kernel() { return kernel_; }
  [[nodiscard]] const kube::Source& source() const { return source_; }

  // All clients that are known are in place, or were, and what is amiss since then is about some of
  // them alone: it would help nobody if the others had to go elsewhere.
  [[nodiscard]] bool ready() const { return ready_ && plan_.egress() != nullptr; }
  // What is planned for nobody in particular is in place: those that owners() tells are served.
  [[nodiscard]] bool serving() const { return serving_ && plan_.egress() != nullptr; }
  // Who owns a client's address whose packets go through; null where they do not.
  [[nodiscard]] const core::NatPlan::Owners* owners(const core::Address& client) const;
  // Another number whenever owners() or the plan's clients may say something else than before.
  [[nodiscard]] std::uint64_t told() const { return told_; }
  // The last attempt failed as a whole.
  [[nodiscard]] bool failing() const { return !trouble_.empty(); }
  // Why it is not ready, and whom it does not serve.
  [[nodiscard]] std::vector<std::string> troubles() const;
  [[nodiscard]] std::uint64_t errors() const { return errors_; }
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 private:
  using Refused = std::map<core::Address, std::string>;

  void attempt();
  [[nodiscard]] bool compares_next() const;
  void await(const core::Changes& changes);
  void compare();
  void commit(const core::Changes& changes);
  Refused commit_all(const core::Changes& changes);
  Refused commit_each();
  void take_note(Refused refused);
  void fail(const std::string& what, bool transient);
  void report();

  net::Kernel& kernel_;
  kube::Source& source_;
  core::NatPlan plan_;
  std::chrono::seconds resync_;
  os::Clock clock_;

  core::Changes waiting_;  // planned since the last comparison, and not applied yet
  bool host_due_ = true;
  bool compare_due_ = true;
  bool serving_ = false;
  bool ready_ = false;
  std::string trouble_;  // of all
  Refused refused_;      // clients that are not in place, and why
  Backoff refused_backoff_;
  os::Time retry_at_ = os::Time::max();  // of what was refused
  Backoff backoff_;
  os::Time not_before_{};
  os::Time compare_from_{};
  os::Time next_resync_{};
  std::uint64_t told_ = 1;
  std::uint64_t errors_ = 0;
  std::uint64_t changes_ = 0;
  std::set<std::string> problems_;
  ConntrackWatch conntrack_;
};

}  // namespace cmd
