#include "sim/source.hpp"

#include <utility>

#include "sim/edge.hpp"

namespace sim {

Source::Source(const std::string& edge, kube::ClusterClient& client, Surroundings& around)
    : client_(client), around_(around), told_(edge, around.api) {}

bool Source::publish() {
  auto problems = client_.new_problems({});
  const bool synced = client_.synced() || around_.options.sabotage == Sabotage::hasty_start;
  const bool news = client_.move_changes(changes_);
  if (!news && !problems && synced == synced_) return false;
  synced_ = synced;
  if (problems) problems_ = *std::move(problems);
  return true;
}

core::ObjectChanges Source::take() {
  core::ObjectChanges changes = std::exchange(changes_, {});
  if (around_.options.sabotage != Sabotage::none) spoil(changes);
  told_.check(changes);
  news_ = !changes.empty();
  return changes;
}

void Source::report(const core::PlannedMappings& planned) {
  for (const auto& [name, status] : planned) planned_.insert_or_assign(name, status);
}

bool Source::pass_report() {
  const core::PlannedMappings planned = std::exchange(planned_, {});
  if (!planned.empty()) client_.report(planned);
  return !planned.empty();
}

void Source::spoil(core::ObjectChanges& changes) {
  const Sabotage sabotage = around_.options.sabotage;
  if (sabotage == Sabotage::delete_on_error && !problems_.empty()) {
    for (const auto& [id, object] : known_) changes.emplace(id, nullptr);
  }
  if (sabotage == Sabotage::drop_event && synced_ && changes.size() == 1 &&
      around_.chance.below(4) == 0) {
    changes.clear();
  }
  if (sabotage == Sabotage::old_version && !older_.empty() && around_.chance.below(2) == 0) {
    changes.insert(older_.begin(), older_.end());
    older_.clear();
  }
  for (const auto& [id, object] : changes) {
    auto& known = known_[id];
    if (known && object && *known != *object) older_[id] = known;
    known = object;
  }
  std::erase_if(known_, [](const auto& item) { return item.second == nullptr; });
}

}  // namespace sim
