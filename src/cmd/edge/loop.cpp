#include "cmd/edge/loop.hpp"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <memory>
#include <random>
#include <utility>

#include "cmd/edge/apply_apart.hpp"
#include "cmd/edge/read_elements.hpp"
#include "cmd/serve/health.hpp"
#include "cmd/serve/log.hpp"
#include "cmd/serve/log_changes.hpp"
#include "core/constants.hpp"
#include "core/edge/claims/service_to_mapping.hpp"
#include "core/edge/forward_news.hpp"
#include "core/edge/mapping_status.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/edge/tables/static_state.hpp"
#include "core/state/build_in_parts.hpp"
#include "core/state/diff.hpp"
#include "core/state/element_index.hpp"
#include "core/state/text.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using Time = os::Time;

constexpr std::chrono::milliseconds news_pause = 1s;    // between attempts, when there are news
constexpr std::chrono::milliseconds report_pause = 1s;  // between looks at what was rejected
constexpr std::chrono::minutes meddler_pause{10};       // between lines about who deletes what
constexpr std::size_t planned_at_once = 512;

double seconds(Time::duration time) { return std::chrono::duration<double>(time).count(); }

std::string wait_text(Time::duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + "ms";
}

}  // namespace

EdgeLoop::EdgeLoop(net::Kernel& kernel, kube::Source& source, const core::EdgeSettings& settings,
                   std::chrono::seconds resync, os::Clock clock, std::chrono::seconds address_hold,
                   HostListeners::Read listens, PortUseWatch::Ask count_ports)
    : kernel_(kernel),
      source_(source),
      plan_(settings),
      sweep_(address_hold),
      listeners_(std::move(listens), clock),
      ports_(std::move(count_ports)),
      clock_(std::move(clock)),
      resync_(resync),
      next_resync_(clock_.now() + resync) {
  kernel_.follow_routes(core::external_names(settings));
}

void EdgeLoop::resync() {
  host_due_ = true;
  compare_due_ = true;
  compare_from_ = {};
  not_before_ = {};
}

Time EdgeLoop::step() {
  const Time begun = clock_.now();
  try {
    // What waits is always taken, even when it cannot be acted on: the descriptors must fall
    // silent.
    if (hear()) not_before_ = std::min(not_before_, attempted_ + news_pause);
    if (begun >= next_resync_) {
      note_tampering({});
      host_due_ = compare_due_ = true;
      next_resync_ = begun + resync_;
    }
    if (begun >= not_before_) {
      attempted_ = begun;
      const bool due = host_due_ || compare_due_ || (!objects_.empty() && !gathers());
      if (attempt()) {
        if (due) statistics_.syncs.add(seconds(clock_.now() - begun));
        sweep();
      }
    }
  } catch (const core::Error& error) {
    if (error.kind() != core::Error::Kind::transient && health_.last_sync == 0) throw;
    fail(error);
  }
  report();
  return next_due();
}

bool EdgeLoop::hear() {
  const net::Kernel::Events events = kernel_.drain();
  host_due_ = host_due_ || events.host;
  if (events.routing || events.tables) {
    log::debug("somebody else changed tables, routes or rules; comparing");
    note_tampering(events);
    compare_due_ = true;
    health_.intact = false;
  }
  if (events.meddler) tell_meddler(*events.meddler);
  core::ObjectChanges objects = source_.take();
  const bool news = events.host || events.routing || events.tables || !objects.empty();
  for (auto& [id, object] : objects) objects_.insert_or_assign(id, std::move(object));
  if (tampering_ && (events.host || !objects_.empty())) tampering_->before.elements = false;
  health_.synced = source_.synced() || source_.partial();
  if (std::exchange(whole_, source_.synced()) != whole_) {
    compare_due_ = true;  // what was kept for a part that could not be read may go
    compare_from_ = {};
  }
  note_staleness();
  return news;
}

void EdgeLoop::tell_meddler(const core::Meddler& meddler) {
  if (clock_.now() < meddler_from_) return;
  meddler_from_ = clock_.now() + meddler_pause;
  log::warning(
      to_string(meddler) +
      " deleted routes or rules of pona edge, which are put back; systemd-networkd does so unless "
      "ManageForeignRoutes=no and ManageForeignRoutingPolicyRules=no are set in networkd.conf");
}

void EdgeLoop::note_staleness() {
  const auto since = source_.stale_since();
  if (since && !health_.stale_since) {
    log::info("starting from saved objects, until the API server has been read",
              {{"saved", rfc3339(*since)}});
  } else if (!since && health_.stale_since) {
    log::info("the objects are those of the API server now");
  }
  health_.stale_since = since;
}

// False: it is not the time yet.
bool EdgeLoop::attempt() {
  const bool look = wants_listeners();
  // The host before the objects: planning them without it would plan them twice.
  if (host_due_ && clock_.now() >= host_from_) {
    const Time begun = clock_.now();
    absorb(plan_.update(kernel_.host(), !compare_due_));
    host_due_ = false;
    // Routes that change all the time get no more than a fifth of ours.
    host_from_ = clock_.now() + 4 * (clock_.now() - begun);
  }
  if (look) {
    if (auto listeners = listeners_.look()) {
      absorb(plan_.update(*std::move(listeners), !compare_due_));
    }
  }
  absorb_objects();
  if (!health_.synced) return false;
  agree_on_slots();
  hold_what_is_carried();
  if (aside_from_ && clock_.now() >= *aside_from_) {
    aside_from_.reset();
    absorb(plan_.try_again());
  }
  if (whole_) plan_.settle_claims();
  if (compare_due_) {
    if (clock_.now() < compare_from_) return false;
    compare();
  }
  succeed();
  return true;
}

// Two edges that serve the same addresses lead a client to the same endpoint.
void EdgeLoop::agree_on_slots() {
  if (!plan_.settings().agree_on_slots) return;
  const auto server = source_.api_server();
  if (!server || !server->slot_layout) return;
  slots_agreed_ = true;
  use_slots(*server->slot_layout);
}

// Before claims are judged by it, and now and then while one is refused for a socket's sake: that
// one may be gone.
bool EdgeLoop::wants_listeners() const {
  if (plan_.settings().host_ports == core::HostPortPolicy::take) return false;
  if (compare_due_ || host_due_) return true;
  if (!plan_.host_ports().refused().empty() && clock_.now() >= listeners_.due()) return true;
  return std::ranges::any_of(objects_, [](const auto& entry) {
    if (!entry.second) return false;
    const auto* const service = std::get_if<core::Service>(entry.second.get());
    return entry.first.kind == core::Kind::mapping ||
           (service != nullptr && core::mapping_of(*service));
  });
}

// At the start: what an instance before this one has put into effect stays in effect. While objects
// cannot be read, more of them may come.
void EdgeLoop::hold_what_is_carried() {
  if (carried_known_) return;
  carried_known_ = whole_;
  const core::HostPorts& ports = plan_.host_ports();
  if (ports.refused().empty() ||
      std::exchange(refusals_asked_, ports.refusals()) == ports.refusals()) {
    return;
  }
  absorb(plan_.hold(carried_by(kernel_.observe(plan_.frame())), !compare_due_));
}

// A comparison plans nothing but compares all: until then, what the news come to is not asked for,
// and a great many of them are taken in parts, because each thing that is planned at once is noted
// until the end. From slices to Mappings, which are planned when all that they need is known.
void EdgeLoop::absorb_objects() {
  while (compare_due_ && objects_.size() > planned_at_once) {
    core::ObjectChanges part;
    while (part.size() < planned_at_once) part.insert(objects_.extract(std::prev(objects_.end())));
    absorb(plan_.update(part, false));
  }
  if (!objects_.empty() && !gathers()) {
    absorb(plan_.update(std::exchange(objects_, {}), !compare_due_));
  }
}

// A commit costs the kernel much the same for one object and for a hundred: what comes soon after
// one goes together.
bool EdgeLoop::gathers() const { return !compare_due_ && clock_.now() < gather_until_; }

void EdgeLoop::absorb(const core::EdgeUpdate& update) {
  sweep_.note(update.forwards);
  // At the start everything is new.
  constexpr std::size_t most_news = 1000;
  if (health_.last_sync != 0 && news_.size() < most_news && log::enabled(log::Level::info)) {
    std::ranges::move(core::forward_news(update.forwards), std::back_inserter(news_));
  }
  if (source_.listens()) {
    for (const core::ObjectId& id : update.planned) {
      if (id.kind == core::Kind::mapping) planned_.insert(id.name);
    }
  }
  // Until the next comparison nobody knows what changes would meet: then the update holds none.
  if (compare_due_) return;
  try {
    commit(update.changes);
  } catch (const core::Error& error) {
    if (error.kind() != core::Error::Kind::permanent) throw;
    compare_due_ = true;  // finds who is to blame
    compare_from_ = {};
  }
}

void EdgeLoop::sweep() {
  const auto due = sweep_.due();
  if (!due || clock_.now() < std::max(*due, sweep_from_)) return;
  try {
    const std::size_t deleted = sweep_.run(kernel_, clock_.now());
    statistics_.flows += deleted;
    if (deleted != 0) {
      log::info("deleted stale conntrack entries", {{"number", std::to_string(deleted)}});
    }
  } catch (const core::Error& error) {
    ++statistics_.errors["sweep"];
    const bool again = error.kind() == core::Error::Kind::transient;
    sweep_from_ = clock_.now() + (again ? std::chrono::seconds(5) : std::chrono::seconds(60));
    log::warning("cannot delete stale conntrack entries; trying again later",
                 {{"error", error.what()}});
  }
}

// What is said of a Mapping is so: the kernel is as planned.
void EdgeLoop::tell() {
  if (planned_.empty()) return;
  core::PlannedMappings outcomes;
  for (const core::ObjectName& name : std::exchange(planned_, {})) {
    const core::ObjectId id{core::Kind::mapping, name};
    std::optional<core::InstanceStatus>& outcome = outcomes[name];
    if (const core::MappingReport* const report = plan_.report(id)) {
      const core::Mapping& mapping = *plan_.mapping(id);
      outcome =
          core::instance_status(id, *report, plan_.forwards_of(id), {"", mapping.generation, 0, 0});
      outcome->service = mapping.service;
      outcome->ports = core::ports_text(mapping.ports);
      const auto obstacle = obstacles_.blocked().find(id);
      if (obstacle != obstacles_.blocked().end()) outcome->obstacle = obstacle->second;
      const auto shortage = ports_.claimants().find(id);
      if (shortage != ports_.claimants().end()) core::add_shortage(*outcome, shortage->second);
    }
  }
  source_.report(outcomes);
}

void EdgeLoop::succeed() {
  tell();
  if (health_.last_sync == 0 && plan_.settings().cluster &&
      plan_.object_counts()[core::Kind::address_pool] == 0) {
    log::warning(
        "there is no AddressPool: anyone who may create a Mapping or a Service in the cluster can "
        "claim any address, including this host's own; see AddressPools in pona-edge(8)");
  }
  log_lines(std::exchange(news_, {}), "Mappings or their endpoints changed");
  if (!health_.trouble.empty()) log::info("the kernel is as planned again");
  health_.trouble.clear();
  health_.intact = true;
  health_.last_sync = clock_.unix_seconds();
  backoff_ = {};
  failures_ = 0;
  if (!aside_from_) aside_delay_ = {};
  not_before_ = {};
}

void EdgeLoop::fail(const core::Error& error) {
  ++statistics_.errors["sync"];
  health_.trouble = error.what();
  host_due_ = compare_due_ = true;
  ++failures_;
  const auto wait = backoff_.next(error.kind() == core::Error::Kind::transient, clock_.chance());
  not_before_ = clock_.now() + wait;
  log::error("cannot bring the kernel in line; trying again",
             {{"error", error.what()}, {"after", wait_text(wait)}});
}

// Looks through everything that was rejected: not for every change of many.
void EdgeLoop::report() {
  const Time now = clock_.now();
  report_due_ = now < report_from_;
  if (report_due_) return;
  report_from_ = now + report_pause;
  conntrack_.look(kernel_, now);
  const auto itself = [](const std::string& text) { return text; };
  std::set<std::string> problems;
  for (const kube::Problem& problem : source_.problems()) {
    problems.insert(problem.where + ": " + problem.reason);
  }
  log_difference(problems_, problems, itself, "no longer a problem");
  // What half of the objects look like says nothing.
  if (!health_.synced) return;
  log_difference(
      rejections_, plan_.rejections(),
      [](const core::Rejection& entry) { return to_string(entry.object) + ": " + entry.reason; },
      "no longer rejected");
  look_for_obstacles();
  look_at_ports();
  std::set<std::string> warnings;
  std::ranges::move(plan_.warnings(), std::inserter(warnings, warnings.end()));
  std::ranges::move(host_warnings(), std::inserter(warnings, warnings.end()));
  log_difference(warnings_, warnings, itself, "resolved");
}

// Before the plan is in effect, nothing of it passes anywhere.
void EdgeLoop::look_for_obstacles() {
  if (health_.last_sync == 0) return;
  const auto before = obstacles_.blocked();
  if (!obstacles_.look(kernel_, plan_, clock_)) return;
  health_.obstacles = obstacles_.chains();
  tell_again(before, obstacles_.blocked());
}

void EdgeLoop::look_at_ports() {
  if (health_.last_sync == 0) return;
  const Told before = ports_.claimants();
  if (ports_.look(conntrack_.entries(), plan_, clock_.now())) {
    tell_again(before, ports_.claimants());
  }
}

void EdgeLoop::tell_again(const Told& before, const Told& after) {
  if (!source_.listens()) return;
  for (const Told* const told : {&before, &after}) {
    for (const auto& [id, text] : *told) {
      if (id.kind == core::Kind::mapping) planned_.insert(id.name);
    }
  }
  if (health_.trouble.empty()) tell();
}

std::vector<std::string> EdgeLoop::host_warnings() const {
  std::vector<std::string> warnings = obstacles_.warnings();
  std::ranges::copy(ports_.warnings(), std::back_inserter(warnings));
  for (const std::string& warning : {conntrack_.warning(), listeners_.warning()}) {
    if (!warning.empty()) warnings.push_back(warning);
  }
  return warnings;
}

Time EdgeLoop::next_due() const {
  Time due = report_due_ ? std::min(report_from_, next_resync_) : next_resync_;
  if (!health_.trouble.empty()) return std::min(due, not_before_);
  if (!health_.synced) return due;
  if (compare_due_) due = std::min(due, compare_from_);
  if (host_due_) due = std::min(due, host_from_);
  if (!objects_.empty()) due = std::min(due, gather_until_);
  if (aside_from_) due = std::min(due, *aside_from_);
  if (!plan_.host_ports().refused().empty()) due = std::min(due, listeners_.due());
  if (const auto sweep = sweep_.due()) due = std::min(due, std::max(*sweep, sweep_from_));
  return std::min(due, std::max(std::min(conntrack_.due(), obstacles_.due()), report_from_));
}

}  // namespace cmd
