#include "cmd/edge/stale_connections.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "cmd/edge/read_elements.hpp"

namespace cmd {
namespace {

// With more changed forwards, one look at every entry is cheaper than a filtered dump for each.
constexpr std::size_t most_filtered = 32;

// Forwards by any port of theirs. Those in effect at one time do not overlap; those before and
// after a change may, so there is one index for each.
class Index {
 public:
  void add(const core::ForwardKey& key, const core::Forward* forward) {
    if (key.ports.single()) {
      singles_[first_of(key)] = forward;
    } else {
      ranges_[{key.address, key.protocol, 0}].emplace(key.ports.first,
                                                      Range{key.ports.last, forward});
    }
  }

  [[nodiscard]] const core::Forward* find(const core::Flow& flow) const {
    const Target target{flow.original.destination, flow.protocol, flow.original.destination_port};
    if (const auto single = singles_.find(target); single != singles_.end()) return single->second;
    const auto ranges = ranges_.find({target.address, target.protocol, 0});
    if (ranges == ranges_.end()) return nullptr;
    auto range = ranges->second.upper_bound(target.port);
    if (range == ranges->second.begin()) return nullptr;
    --range;
    if (target.port > range->second.last) return nullptr;
    return range->second.forward;
  }

 private:
  struct Range {
    std::uint16_t last = 0;
    const core::Forward* forward = nullptr;
  };
  std::unordered_map<Target, const core::Forward*, TargetHash> singles_;
  // By address and protocol, port 0; then by first port.
  std::unordered_map<Target, std::map<std::uint16_t, Range>, TargetHash> ranges_;
};

bool in_effect(const std::shared_ptr<const core::Forward>& forward) {
  return forward != nullptr && forward->active;
}

// Wanted as ever, but not here.
bool is_away(const std::shared_ptr<const core::Forward>& forward) {
  return forward != nullptr && !forward->active;
}

// Judged as if its address were here: that it is not is a reason of its own, which waits.
std::shared_ptr<const core::Forward> as_if_here(const std::shared_ptr<const core::Forward>& away) {
  auto here = std::make_shared<core::Forward>(*away);
  here->active = true;
  return here;
}

bool includes(const core::Forward& forward, const core::Backend& backend) {
  return std::ranges::binary_search(forward.backends, backend) ||
         std::ranges::binary_search(forward.draining, backend);
}

}  // namespace

bool needs_sweep(const core::ForwardChange& change) {
  if (!in_effect(change.before) || !in_effect(change.after)) {
    return in_effect(change.before) || in_effect(change.after);
  }
  const core::Forward& before = *change.before;
  const core::Forward& after = *change.after;
  if (before.nobody != after.nobody || before.sources != after.sources) return true;
  // With nobody to serve it an entry may have been made untranslated.
  if (before.backends.empty() != after.backends.empty()) return true;
  if (after.key.protocol != core::Protocol::udp) return false;
  const auto left = [&](const core::Backend& backend) { return !includes(after, backend); };
  return std::ranges::any_of(before.backends, left) || std::ranges::any_of(before.draining, left);
}

void EdgeSweep::note(const std::vector<core::ForwardChange>& changes) {
  for (const core::ForwardChange& change : changes) {
    if (change.before == nullptr && change.after == nullptr) continue;
    const core::ForwardKey& key = change.after ? change.after->key : change.before->key;
    const auto [known, is_new] = changes_.try_emplace(key, change);
    if (!is_new) known->second.after = change.after;
    // What it was before its address left, it still is to the connections through it.
    if (const auto away = away_.find(key); away != away_.end()) {
      known->second.before = away->second.before;
      if (!is_away(change.after)) away_.erase(away);
    }
    if (!needs_sweep(known->second)) changes_.erase(known);
  }
}

void EdgeSweep::note_all(std::vector<std::shared_ptr<const core::Forward>> forwards) {
  all_ = true;
  for (auto& forward : forwards) {
    const core::ForwardKey key = forward->key;
    changes_[key].after = std::move(forward);
  }
}

void EdgeSweep::note_found(const core::ForwardKey& key) {
  core::ForwardChange& change = changes_[key];
  if (change.before) return;
  auto found = std::make_shared<core::Forward>();
  found->key = key;
  change.before = std::move(found);
}

std::optional<os::Time> EdgeSweep::due() const {
  if (all_ || !changes_.empty()) return os::Time{};
  std::optional<os::Time> first;
  for (const auto& [key, away] : away_) {
    if (!first || away.until < *first) first = away.until;
  }
  return first;
}

// What is to be judged now. Forwards whose address left are judged as if it were here until their
// time is over.
EdgeSweep::Changes EdgeSweep::take_away(os::Time now) {
  Changes judged;
  for (const auto& [key, change] : changes_) {
    if (!is_away(change.after) || !in_effect(change.before)) {
      judged.emplace(key, change);
      continue;
    }
    // Of one that only was found in the kernel nothing else is known.
    const bool known = change.before->owner == change.after->owner;
    const auto here = as_if_here(change.after);
    away_.try_emplace(key, Away{known ? change.before : here, now + hold_});
    if (!known || needs_sweep({change.before, here})) judged[key] = {change.before, here};
  }
  for (const auto& [key, away] : away_) {
    if (away.until <= now) judged[key] = {away.before, nullptr};
  }
  return judged;
}

std::size_t EdgeSweep::run(net::Kernel& kernel, os::Time now) {
  const Changes judged = take_away(now);
  Index before;
  Index after;
  for (const auto& [key, change] : judged) {
    if (in_effect(change.before)) before.add(key, change.before.get());
    if (in_effect(change.after)) after.add(key, change.after.get());
  }
  const auto stale = [&](const core::Flow& flow) {
    const core::Forward* was = before.find(flow);
    const core::Forward* is = after.find(flow);
    return (was != nullptr || is != nullptr) && core::is_stale(flow, is, was != nullptr);
  };

  std::size_t deleted = 0;
  if (all_ || judged.size() > most_filtered) {
    deleted = kernel.sweep({}, stale);
  } else {
    for (const auto& [key, change] : judged) {
      core::FlowFilter filter{key.protocol, key.address, std::nullopt};
      if (key.ports.single()) filter.original_destination_port = key.ports.first;
      deleted += kernel.sweep(filter, stale);
    }
  }
  changes_.clear();
  all_ = false;
  std::erase_if(away_, [now](const auto& entry) { return entry.second.until <= now; });
  return deleted;
}

}  // namespace cmd
