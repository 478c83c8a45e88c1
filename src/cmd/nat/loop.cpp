#include "cmd/nat/loop.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include "cmd/serve/log_changes.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using os::Time;

// Between comparisons with the kernel, at least; and ten times what reading it took.
constexpr std::chrono::milliseconds compare_pause = 200ms;

}  // namespace

NatLoop::NatLoop(net::Kernel& kernel, kube::Source& source, core::NatSettings settings,
                 std::chrono::seconds resync, os::Clock clock)
    : kernel_(kernel),
      source_(source),
      plan_(std::move(settings)),
      resync_(resync),
      clock_(std::move(clock)),
      next_resync_(clock_.now() + resync) {}

Time NatLoop::step() {
  const bool served = serving();
  try {
    // What waits is always taken: the descriptors must fall silent.
    const net::Kernel::Events events = kernel_.drain();
    host_due_ = host_due_ || events.host;
    compare_due_ = compare_due_ || events.routing || events.tables;
    const core::ObjectChanges objects = source_.take();
    if (!objects.empty()) ++told_;
    if (!objects.empty()) not_before_ = std::min(not_before_, clock_.now() + Backoff::first);
    await(plan_.update(objects));
    if (clock_.now() >= next_resync_) {
      resync();
      next_resync_ = clock_.now() + resync_;
    }
    if (clock_.now() >= retry_at_) {
      compare_due_ = true;
      retry_at_ = Time::max();
    }
    if (clock_.now() >= not_before_) attempt();
  } catch (const core::Error& error) {
    fail(error.what(), error.kind() == core::Error::Kind::transient);
  } catch (const std::bad_alloc&) {
    fail("out of memory", true);
  }
  if (serving() != served) ++told_;
  report();
  if (!trouble_.empty()) return std::min(not_before_, next_resync_);
  const Time due = std::min({next_resync_, retry_at_, conntrack_.due()});
  return compare_due_ && source_.synced() ? std::min(compare_from_, due) : due;
}

void NatLoop::attempt() {
  if (host_due_) {
    await(plan_.update(kernel_.host()));
    host_due_ = false;
    ++told_;
  }
  if (!source_.synced()) {
    serving_ = ready_ = false;
    return;
  }
  if (!compares_next()) {
    try {
      commit(std::exchange(waiting_, {}));
    } catch (const core::Error& error) {
      // What of it is there, and whom it is about, only a comparison tells.
      log::warning("a change was refused; comparing with the kernel", {{"error", error.what()}});
      ++errors_;
      compare_due_ = true;
      compare_from_ = {};
    }
  }
  if (compares_next()) compare();
  if (!trouble_.empty()) log::info("the kernel is as planned again");
  serving_ = true;
  std::erase_if(refused_, [&](const auto& one) { return plan_.owners(one.first) == nullptr; });
  ready_ = ready_ || refused_.empty();
  trouble_.clear();
  backoff_ = {};
  not_before_ = {};
}

// A comparison that is put off keeps no news waiting: only one that comes next makes them needless.
bool NatLoop::compares_next() const { return compare_due_ && clock_.now() >= compare_from_; }

void NatLoop::await(const core::Changes& changes) {
  if (!compares_next()) waiting_.insert(waiting_.end(), changes.begin(), changes.end());
}

void NatLoop::compare() {
  const Time begun = clock_.now();
  waiting_.clear();
  const core::State observed = kernel_.observe(plan_.state());
  // What is to be done about it does not count: at the start modules are loaded, which may take
  // seconds once, and what somebody breaks then must not stay broken for a minute.
  const Time::duration looked = clock_.now() - begun;
  take_note(commit_all(core::diff(observed, plan_.state())));
  compare_due_ = false;
  const Time now = clock_.now();
  compare_from_ = now + std::max<Time::duration>(compare_pause, 10 * looked);
  next_resync_ = now + resync_;
}

void NatLoop::commit(const core::Changes& changes) {
  if (changes.empty()) return;
  const Time begun = clock_.now();
  kernel_.apply(changes);
  changes_ += changes.size();
  log_changes(changes, clock_.now() - begun, core::constants::nat_table);
}

// One client that cannot be served keeps nobody else from being. Throws what is about all of them.
NatLoop::Refused NatLoop::commit_all(const core::Changes& changes) {
  if (refused_.empty() && trouble_.empty()) {  // together, as long as nothing is known to go wrong
    try {
      commit(changes);
      return {};
    } catch (const core::Error& error) {
      ++errors_;
      log::warning("changes were refused; making each by itself", {{"error", error.what()}});
    }
  }
  return commit_each();
}

NatLoop::Refused NatLoop::commit_each() {
  Refused refused;
  core::Changes frame, clients, ways;
  for (const core::Change& change : core::diff(kernel_.observe(plan_.state()), plan_.state())) {
    const bool of_client = core::NatPlan::client_of(change).has_value();
    (!core::is_nftables(change) ? ways : of_client ? clients : frame).push_back(change);
  }
  // Without the rules, whoever comes in by a tunnel would go on as himself.
  commit(frame);
  for (const core::Change& change : ways) {
    try {
      commit({change});
    } catch (const core::Error& error) {
      const auto client = core::NatPlan::client_of(change);
      if (!client) throw;
      refused.emplace(*client, error.what());
    }
  }
  // Whoever has no way back is not let in.
  std::erase_if(clients, [&](const core::Change& change) {
    const auto* const element = std::get_if<core::AddElement>(&change);
    const auto client = core::NatPlan::client_of(change);
    return element != nullptr && client && refused.contains(*client);
  });
  commit(clients);
  return refused;
}

// Those that were refused are tried again by and by, as long as they are wanted.
void NatLoop::take_note(Refused refused) {
  for (const auto& [client, why] : refused) {
    const auto before = refused_.find(client);
    if (before != refused_.end() && before->second == why) continue;
    log::error("a client cannot be served", {{"client", to_string(client)}, {"error", why}});
  }
  for (const auto& [client, why] : refused_) {
    if (!refused.contains(client)) log::info("no longer refused", {{"client", to_string(client)}});
  }
  if (!refused_.empty() || !refused.empty()) ++told_;
  refused_ = std::move(refused);
  if (refused_.empty()) {
    refused_backoff_ = {};
    retry_at_ = Time::max();
    return;
  }
  retry_at_ = clock_.now() + refused_backoff_.next();
}

const core::NatPlan::Owners* NatLoop::owners(const core::Address& client) const {
  return serving() && !refused_.contains(client) ? plan_.owners(client) : nullptr;
}

void NatLoop::fail(const std::string& what, bool transient) {
  ++errors_;
  trouble_ = what;
  serving_ = ready_ = false;
  waiting_.clear();
  host_due_ = compare_due_ = true;
  const auto wait = backoff_.next(transient, clock_.chance());
  not_before_ = clock_.now() + wait;
  compare_from_ = {};
  log::error("cannot bring the kernel in line; trying again",
             {{"error", what}, {"after", std::to_string(wait.count()) + "ms"}});
}

std::vector<std::string> NatLoop::troubles() const {
  std::vector<std::string> troubles;
  if (!trouble_.empty()) troubles.push_back(trouble_);
  for (const auto& [client, why] : refused_) {
    troubles.push_back("client " + to_string(client) + ": " + why);
  }
  if (!source_.synced()) {
    troubles.emplace_back("not all objects have been read; nothing is changed until then");
  } else if (plan_.egress() == nullptr) {
    troubles.emplace_back("the Egress of this NAT pod does not exist");
  } else if (!serving_ && trouble_.empty()) {
    troubles.emplace_back("nothing is in effect yet");
  }
  return troubles;
}

void NatLoop::report() {
  std::set<std::string> problems;
  for (const kube::Problem& problem : source_.problems()) {
    problems.insert(problem.where + ": " + problem.reason);
  }
  conntrack_.look(kernel_, clock_.now());
  if (!conntrack_.warning().empty()) problems.insert(conntrack_.warning());
  log_difference(
      problems_, problems, [](const std::string& text) { return text; }, "no longer a problem");
}

}  // namespace cmd
