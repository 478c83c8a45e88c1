// The part of the loop that brings the kernel in line: comparisons, and what the kernel refuses.
#include <algorithm>
#include <functional>
#include <iterator>
#include <string_view>
#include <tuple>
#include <utility>

#include "cmd/edge/apply_apart.hpp"
#include "cmd/edge/kept_elements.hpp"
#include "cmd/edge/loop.hpp"
#include "cmd/edge/read_elements.hpp"
#include "cmd/serve/log_changes.hpp"
#include "core/constants.hpp"
#include "core/edge/tables/edge_sets.hpp"
#include "core/edge/tables/static_state.hpp"
#include "core/state/build_in_parts.hpp"
#include "core/state/diff.hpp"
#include "core/state/element_index.hpp"
#include "core/state/text.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

// Between tries of what the kernel refuses, which mends itself rarely.
constexpr std::chrono::milliseconds first_aside = 60s;
constexpr std::chrono::milliseconds longest_aside = 3600s;
constexpr std::chrono::milliseconds longest_gathering = 50ms;
constexpr int most_rounds = 4;       // of setting aside, in one comparison
constexpr int lasting_failures = 3;  // from here on it is not a passing trouble

bool sets_liberal(const core::Change& change) {
  const auto* const add = std::get_if<core::AddSysctl>(&change);
  const auto* const set = std::get_if<core::SetSysctl>(&change);
  return (add != nullptr && add->what.key == core::liberal_tracking) ||
         (set != nullptr && set->what.key == core::liberal_tracking);
}

// Takes it out of the changes: it is made alone and last, because the rest does without it, and
// brings the module that has it.
std::optional<core::Change> take_liberal(core::Changes& changes) {
  const auto found = std::ranges::find_if(changes, sets_liberal);
  if (found == changes.end()) return std::nullopt;
  core::Change taken = std::move(*found);
  changes.erase(found);
  return taken;
}

bool touches_tables(const core::Changes& changes) {
  return std::ranges::any_of(changes, core::is_nftables);
}

// The forwards that the kernel loses with these changes, one by one or with their table.
std::vector<core::ForwardKey> forwards_lost(const core::Changes& changes,
                                            const core::State& observed) {
  std::vector<core::ForwardKey> lost;
  const auto add = [&](const core::ElementKey& key) {
    if (!core::leads(key.set)) return;
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

void EdgeLoop::compare() {
  const os::Time begun = clock_.now();
  try {
    compare_whole();
  } catch (const core::Error& error) {
    if (error.kind() != core::Error::Kind::permanent && failures_ < lasting_failures) throw;
    compare_apart(error);
  }
  compare_due_ = false;
  tampering_.reset();
  sweep_all_ = false;
  // Somebody who tampers all the time gets no more than half of ours.
  const os::Time now = clock_.now();
  compare_from_ = now + std::max<os::Time::duration>(20ms, now - begun);
  next_resync_ = now + resync_;
}

// All that the kernel holds, and what it lacks of the plan. While objects cannot be read, what
// those that can do not ask for is kept.
std::pair<core::State, core::Changes> EdgeLoop::difference() {
  const core::EachElement planned = [this](const auto& visit) { plan_.each_element(visit); };
  core::State observed = kernel_.observe(plan_.frame());
  if (whole_) {
    core::Changes changes = core::diff(observed, plan_.frame(), planned);
    return {std::move(observed), std::move(changes)};
  }
  const Kept kept = keep_unplanned(observed.elements, plan_.frame(), plan_.forwards());
  observed = kernel_.observe(kept.frame);
  core::Changes changes = core::diff(observed, kept.frame, [&](const auto& visit) {
    planned(visit);
    std::ranges::for_each(kept.elements, visit);
  });
  return {std::move(observed), std::move(changes)};
}

void EdgeLoop::compare_whole() {
  const core::EachElement elements = [this](const auto& visit) { plan_.each_element(visit); };
  core::ElementIndex index(elements);
  core::State observed = kernel_.observe(plan_.frame(), index);
  if (core::liberal_is_off(observed)) plan_.note_liberal_was_off();
  if (adopt_slots(observed)) return compare_whole();
  core::Changes changes;
  if (core::inert(observed)) {
    sweep_.note_all(plan_.forwards());
    core::build(observed, plan_.frame(), elements,
                [this](const core::Changes& part) { commit(part); });
  } else if (whole_ && core::keeps_tables(observed, plan_.frame())) {
    changes = core::diff(observed, plan_.frame(), [&](const auto& visit) {
      elements([&](const core::Element& element) {
        if (!index.has_met(element)) visit(element);
      });
    });
  } else {
    std::tie(observed, changes) = difference();
  }
  for (const core::ForwardKey& key : forwards_lost(changes, observed)) sweep_.note_found(key);
  if (sweep_all_ || touches_tables(changes)) sweep_.note_all(plan_.forwards());
  commit(changes);
}

// At the start, until the other edges of the cluster have had their say: clients stay with their
// endpoints. True: all forwards are others now.
bool EdgeLoop::adopt_slots(const core::State& observed) {
  const core::EdgeSettings& settings = plan_.settings();
  if (!settings.agree_on_slots || !settings.cluster || health_.last_sync != 0 || slots_agreed_) {
    return false;
  }
  const auto carried = core::slot_layout_of(observed);
  return carried && use_slots(*carried);
}

bool EdgeLoop::use_slots(core::SlotLayout layout) {
  if (plan_.settings().slot_layout == layout) return false;
  log::info("clients are spread over endpoints by another slot layout from now on",
            {{"layout", std::to_string(static_cast<int>(layout))}});
  absorb(plan_.use(layout, !compare_due_));
  return true;
}

// The kernel refuses to take it all. What it refuses is set aside, the rest is carried out.
void EdgeLoop::compare_apart(const core::Error& error) {
  sweep_.note_all(plan_.forwards());
  for (int round = 0; round < most_rounds; ++round) {
    core::Changes changes = difference().second;
    const auto liberal = take_liberal(changes);
    const core::Refused refused = apply_apart(kernel_, plan_, changes);
    statistics_.changes += changes.size();
    if (refused.empty()) {
      if (liberal) set_liberal(*liberal);
      return;
    }
    compare_due_ = true;  // what was there of them is to go
    absorb(plan_.set_aside(refused));
    aside_delay_ = std::clamp(aside_delay_ * 2, first_aside, longest_aside);
    aside_from_ = clock_.now() + aside_delay_;
  }
  throw error;
}

void EdgeLoop::commit(const core::Changes& changes) {
  if (changes.empty()) return;
  if (std::ranges::any_of(changes, sets_liberal)) {
    core::Changes rest = changes;
    const auto liberal = take_liberal(rest);
    commit(rest);
    set_liberal(*liberal);
    return;
  }
  const os::Time begun = clock_.now();
  kernel_.apply(changes);
  statistics_.changes += changes.size();
  const os::Time now = clock_.now();
  // At most a fifth of the time goes into commits while single objects come all the time.
  gather_until_ = now + std::min<os::Time::duration>(4 * (now - begun), longest_gathering);
  log_commit(changes, now - begun);
}

// Before the news of the host and of objects are planned: what is in effect is the plan as it is.
void EdgeLoop::note_tampering(const net::Kernel::Events& events) {
  if (!tampering_) {
    if (compare_due_ || health_.last_sync == 0) return;
    tampering_.emplace(Tampering{{plan_.frame(), objects_.empty()}, {}});
  }
  const auto note = [](std::optional<core::Meddler>& known, const auto& seen) {
    if (seen && (!known || !seen->process.empty())) known = seen;
  };
  note(tampering_->who.routing, events.meddler);
  note(tampering_->who.tables, events.table_meddler);
}

void EdgeLoop::log_commit(const core::Changes& changes, os::Time::duration took) {
  constexpr std::string_view table = core::constants::edge_table;
  if (!log::enabled(log::Level::info)) return;
  if (tampering_) {
    log_details(changes, table);
    const core::Repairs repairs =
        core::repairs_in(changes, tampering_->before, tampering_->who, table);
    log_lines(repairs.lines, "put back what somebody else changed");
    log_planned(repairs.others, took);
  } else {
    log_planned(changes, took);
  }
}

void EdgeLoop::log_planned(const core::Changes& changes, os::Time::duration took) const {
  constexpr std::string_view table = core::constants::edge_table;
  if (news_.empty()) {
    log_changes(changes, took, table);
    return;
  }
  // What becomes of tables is told by the news.
  log_details(changes, table);
  core::Changes others;
  std::ranges::copy_if(changes, std::back_inserter(others), std::not_fn(core::is_nftables));
  log_changes(others, took, table);
}

void EdgeLoop::set_liberal(const core::Change& change) {
  const os::Time begun = clock_.now();
  try {
    kernel_.apply({change});
  } catch (const core::Error& error) {
    const bool transient = error.kind() == core::Error::Kind::transient;
    if (transient && failures_ < lasting_failures && !aside_from_) throw;
    const core::Sysctl sysctl{std::string(core::liberal_tracking), "1"};
    core::Refused refused;
    refused.frame.emplace(core::to_text(core::Changes{core::AddSysctl{sysctl}}).front(),
                          error.what());
    commit(plan_.set_aside(refused).changes);
    aside_delay_ = std::clamp(aside_delay_ * 2, first_aside, longest_aside);
    aside_from_ = clock_.now() + aside_delay_;
    return;
  }
  ++statistics_.changes;
  log_changes({change}, clock_.now() - begun, core::constants::edge_table);
}

}  // namespace cmd
