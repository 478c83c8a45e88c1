#include "cmd/edge/loop.hpp"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <memory>
#include <random>
#include <utility>

#include "cmd/edge/read_elements.hpp"
#include "cmd/serve/health.hpp"
#include "cmd/serve/log.hpp"
#include "cmd/serve/log_changes.hpp"
#include "core/constants.hpp"
#include "core/edge/edge_sets.hpp"
#include "core/edge/mapping_status.hpp"
#include "core/state/build_in_parts.hpp"
#include "core/state/diff.hpp"
#include "core/state/element_index.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using Time = os::Time;

constexpr std::chrono::milliseconds news_pause = 1s;    // between attempts, when there are news
constexpr std::chrono::milliseconds report_pause = 1s;  // between looks at what was rejected
constexpr std::size_t planned_at_once = 512;

double seconds(Time::duration time) { return std::chrono::duration<double>(time).count(); }

std::string text_of(Time::duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + "ms";
}

bool touches_tables(const core::Changes& changes) {
  return std::ranges::any_of(changes, core::is_nftables);
}

// The forwards that the kernel loses with these changes, one by one or with their table.
std::vector<core::ForwardKey> forwards_lost(const core::Changes& changes,
                                            const core::State& observed) {
  std::vector<core::ForwardKey> lost;
  const auto add = [&](const core::ElementKey& key) {
    if (key.set != core::EdgeSet::services && key.set != core::EdgeSet::guarded &&
        key.set != core::EdgeSet::ranges) {
      return;
    }
    if (const auto fields = fields_of(key)) lost.push_back(fields->key);
  };
  for (const core::Change& change : changes) {
    if (const auto* element = std::get_if<core::DeleteElement>(&change)) {
      add(element->key);
    } else if (const auto* table = std::get_if<core::DeleteTable>(&change)) {
      for (const auto& [key, value] : observed.elements) {
        if (key.family == table->family) add(key);
      }
    }
  }
  return lost;
}

}  // namespace

EdgeVerdict judge(const EdgeHealth& health, Time now) {
  EdgeVerdict verdict;
  if (health.busy_since && now - *health.busy_since > stalled_after) {
    verdict.troubles.push_back("the loop is busy since " + text_of(now - *health.busy_since));
  }
  if (!health.trouble.empty()) verdict.troubles.push_back(health.trouble);
  if (!health.synced) {
    verdict.troubles.emplace_back("the objects are not complete: nothing is changed before");
  } else if (health.last_sync == 0) {
    verdict.troubles.emplace_back("nothing is in effect yet");
  }
  if (!health.intact) {
    verdict.troubles.emplace_back("tables, routes or rules were changed by somebody else");
  }
  verdict.healthy = verdict.troubles.empty();
  verdict.ready = health.last_sync != 0 && health.intact;
  return verdict;
}

EdgeLoop::EdgeLoop(net::Kernel& kernel, kube::Source& source, const core::EdgeSettings& settings,
                   std::chrono::seconds resync, os::Clock clock)
    : kernel_(kernel),
      source_(source),
      plan_(settings),
      clock_(std::move(clock)),
      resync_(resync),
      next_resync_(clock_.now() + resync) {}

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
      host_due_ = compare_due_ = true;
      next_resync_ = begun + resync_;
    }
    if (begun >= not_before_) {
      attempted_ = begun;
      const bool due = host_due_ || compare_due_ || !objects_.empty();
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
    compare_due_ = true;
    health_.intact = false;
  }
  core::ObjectChanges objects = source_.take();
  const bool news = events.host || events.routing || events.tables || !objects.empty();
  for (auto& [id, object] : objects) objects_.insert_or_assign(id, std::move(object));
  health_.synced = source_.synced();
  note_staleness();
  return news;
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
  // The host before the objects: planning them without it would plan them twice.
  if (host_due_) {
    absorb(plan_.update(kernel_.host(), !compare_due_));
    host_due_ = false;
  }
  absorb_objects();
  if (!health_.synced) return false;
  if (compare_due_) {
    if (clock_.now() < compare_from_) return false;
    compare();
  }
  succeed();
  return true;
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
  if (!objects_.empty()) absorb(plan_.update(std::exchange(objects_, {}), !compare_due_));
}

void EdgeLoop::absorb(const core::EdgeUpdate& update) {
  sweep_.note(update.forwards);
  if (source_.listens()) {
    for (const core::ObjectId& id : update.planned) {
      if (id.kind == core::Kind::mapping) planned_.insert(id.name);
    }
  }
  // Until the next comparison nobody knows what changes would meet: then the update holds none.
  if (!compare_due_) commit(update.changes);
}

void EdgeLoop::compare() {
  const Time begun = clock_.now();
  const core::EachElement elements = [this](const auto& visit) { plan_.each_element(visit); };
  core::ElementIndex index(elements);
  core::State observed = kernel_.observe(plan_.frame(), index);
  core::Changes changes;
  if (core::inert(observed)) {
    sweep_.note_all(plan_.forwards());
    core::build(observed, plan_.frame(), elements,
                [this](const core::Changes& part) { commit(part); });
  } else if (core::keeps_tables(observed, plan_.frame())) {
    changes = core::diff(observed, plan_.frame(), [&](const auto& visit) {
      elements([&](const core::Element& element) {
        if (!index.has_met(element)) visit(element);
      });
    });
  } else {
    observed = kernel_.observe(plan_.frame());
    changes = core::diff(observed, plan_.frame(), elements);
  }
  for (const core::ForwardKey& key : forwards_lost(changes, observed)) sweep_.note_found(key);
  if (sweep_all_ || touches_tables(changes)) sweep_.note_all(plan_.forwards());
  commit(changes);
  compare_due_ = false;
  sweep_all_ = false;
  // Somebody who tampers all the time gets no more than half of ours.
  const Time now = clock_.now();
  compare_from_ = now + std::max<Time::duration>(20ms, now - begun);
  next_resync_ = now + resync_;
}

void EdgeLoop::commit(const core::Changes& changes) {
  if (changes.empty()) return;
  const Time begun = clock_.now();
  kernel_.apply(changes);
  statistics_.changes += changes.size();
  log_changes(changes, clock_.now() - begun, core::constants::edge_table);
}

void EdgeLoop::sweep() {
  if (!sweep_.pending() || clock_.now() < sweep_from_) return;
  try {
    const std::size_t deleted = sweep_.run(kernel_);
    statistics_.flows += deleted;
    if (deleted != 0) {
      log::info("ended connections that lead nowhere now", {{"number", std::to_string(deleted)}});
    }
  } catch (const core::Error& error) {
    ++statistics_.errors["sweep"];
    const bool again = error.kind() == core::Error::Kind::transient;
    sweep_from_ = clock_.now() + (again ? std::chrono::seconds(5) : std::chrono::seconds(60));
    log::warning("cannot end the connections that lead nowhere now; trying again later",
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
    }
  }
  source_.report(outcomes);
}

void EdgeLoop::succeed() {
  tell();
  if (!health_.trouble.empty()) log::info("the kernel is as planned again");
  health_.trouble.clear();
  health_.intact = true;
  health_.last_sync = clock_.unix_seconds();
  backoff_ = {};
  not_before_ = {};
}

void EdgeLoop::fail(const core::Error& error) {
  ++statistics_.errors["sync"];
  health_.trouble = error.what();
  host_due_ = compare_due_ = true;
  const auto wait = backoff_.next(error.kind() == core::Error::Kind::transient, clock_.chance());
  not_before_ = clock_.now() + wait;
  log::error("cannot bring the kernel in line; trying again",
             {{"error", error.what()}, {"after", text_of(wait)}});
}

// Looks through everything that was rejected: not for every change of many.
void EdgeLoop::report() {
  const Time now = clock_.now();
  report_due_ = now < report_from_;
  if (report_due_) return;
  report_from_ = now + report_pause;
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
  const std::vector<std::string> warnings = plan_.warnings();
  log_difference(warnings_, std::set<std::string>(warnings.begin(), warnings.end()), itself,
                 "no longer so");
}

Time EdgeLoop::next_due() const {
  Time due = report_due_ ? std::min(report_from_, next_resync_) : next_resync_;
  if (!health_.trouble.empty()) return std::min(due, not_before_);
  if (!health_.synced) return due;
  if (compare_due_) due = std::min(due, compare_from_);
  if (sweep_.pending()) due = std::min(due, sweep_from_);
  return due;
}

}  // namespace cmd
