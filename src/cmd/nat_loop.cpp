#include "cmd/nat_loop.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "cmd/log_changes.hpp"
#include "core/constants.hpp"
#include "core/diff.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using kube::Time;

constexpr std::chrono::milliseconds first_delay = 100ms;
constexpr std::chrono::milliseconds longest_delay = 30s;
// Between comparisons with the kernel, at least; and ten times what one took.
constexpr std::chrono::milliseconds compare_pause = 200ms;

}  // namespace

NatLoop::NatLoop(net::Kernel& kernel, kube::Source& source, core::NatSettings settings,
                 std::chrono::seconds resync, kube::Clock clock)
    : kernel_(kernel),
      source_(source),
      plan_(std::move(settings)),
      resync_(resync),
      clock_(std::move(clock)),
      next_resync_(clock_.now() + resync) {}

Time NatLoop::step() {
  try {
    // What waits is always taken: the descriptors must fall silent.
    const net::Kernel::Events events = kernel_.drain();
    host_due_ = host_due_ || events.host;
    compare_due_ = compare_due_ || events.routing || events.tables;
    const core::ObjectChanges objects = source_.take();
    if (!objects.empty()) not_before_ = std::min(not_before_, clock_.now() + first_delay);
    const core::Changes changes = plan_.update(objects);
    if (!compare_due_) waiting_.insert(waiting_.end(), changes.begin(), changes.end());
    if (clock_.now() >= next_resync_) {
      resync();
      next_resync_ = clock_.now() + resync_;
    }
    if (clock_.now() >= not_before_) attempt();
  } catch (const core::Error& error) {
    fail(error.what(), error.kind() == core::Error::Kind::transient);
  }
  report();
  if (!trouble_.empty()) return std::min(not_before_, next_resync_);
  return compare_due_ && source_.synced() ? std::min(compare_from_, next_resync_) : next_resync_;
}

void NatLoop::attempt() {
  if (host_due_) {
    const core::Changes changes = plan_.update(kernel_.host());
    if (!compare_due_) waiting_.insert(waiting_.end(), changes.begin(), changes.end());
    host_due_ = false;
  }
  if (!source_.synced()) {
    in_place_ = false;
    return;
  }
  const Time begun = clock_.now();
  if (compare_due_) {
    if (begun < compare_from_) return;
    waiting_.clear();
    commit_all(core::diff(kernel_.observe(plan_.state()), plan_.state()));
    compare_due_ = false;
    const Time now = clock_.now();
    compare_from_ = now + std::max<Time::duration>(compare_pause, 10 * (now - begun));
    next_resync_ = now + resync_;
  } else {
    commit(std::exchange(waiting_, {}));
  }
  if (!trouble_.empty()) log::info("the kernel is as planned again");
  in_place_ = true;
  trouble_.clear();
  delay_ = {};
  not_before_ = {};
}

void NatLoop::commit(const core::Changes& changes) {
  if (changes.empty()) return;
  const Time begun = clock_.now();
  kernel_.apply(changes);
  changes_ += changes.size();
  log_changes(changes, clock_.now() - begun, core::constants::nat_table);
}

// One client that cannot be served keeps nobody else from being: what fails is told at the end.
void NatLoop::commit_all(const core::Changes& changes) {
  core::Changes rules;
  std::optional<core::Error> first;
  const auto attempt = [&](const core::Changes& part) {
    try {
      commit(part);
    } catch (const core::Error& error) {
      if (!first) first = error;
    }
  };
  if (trouble_.empty()) {  // together, as long as nothing is known to go wrong
    try {
      commit(changes);
      return;
    } catch (const core::Error& error) {
      if (error.kind() == core::Error::Kind::transient) throw;
      first = error;
    }
  }
  for (const core::Change& change : core::diff(kernel_.observe(plan_.state()), plan_.state())) {
    if (core::is_nftables(change)) {
      rules.push_back(change);
    } else {
      attempt({change});
    }
  }
  if (!rules.empty()) attempt(rules);
  if (first && !core::diff(kernel_.observe(plan_.state()), plan_.state()).empty()) {
    throw core::Error(*first);
  }
}

void NatLoop::fail(const std::string& what, bool transient) {
  ++errors_;
  trouble_ = what;
  in_place_ = false;
  waiting_.clear();
  host_due_ = compare_due_ = true;
  delay_ = transient ? std::clamp(delay_ * 2, first_delay, longest_delay) : longest_delay;
  const auto wait =
      std::chrono::duration_cast<std::chrono::milliseconds>(delay_ * (0.75 + clock_.chance() / 2));
  not_before_ = clock_.now() + wait;
  compare_from_ = {};
  log::error("cannot bring the kernel in line; trying again",
             {{"error", what}, {"after", std::to_string(wait.count()) + "ms"}});
}

std::vector<std::string> NatLoop::troubles() const {
  std::vector<std::string> troubles;
  if (!trouble_.empty()) troubles.push_back(trouble_);
  if (!source_.synced()) {
    troubles.emplace_back("the objects are not complete: nothing is changed before");
  } else if (plan_.egress() == nullptr) {
    troubles.emplace_back("the Egress of this NAT pod is not there");
  } else if (!in_place_ && trouble_.empty()) {
    troubles.emplace_back("nothing is in effect yet");
  }
  return troubles;
}

void NatLoop::report() {
  std::set<std::string> problems;
  for (const kube::Problem& problem : source_.problems()) {
    problems.insert(problem.where + ": " + problem.reason);
  }
  log_difference(
      problems_, problems, [](const std::string& text) { return text; }, "no longer a problem");
}

}  // namespace cmd
