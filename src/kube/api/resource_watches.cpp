#include "kube/api/resource_watches.hpp"

#include <algorithm>
#include <utility>

namespace kube {

Watches::Watches(std::string context, Transport& transport, os::Clock clock, Trust trust)
    : prefix_(std::move(context) + "/"),
      transport_(transport),
      clock_(std::move(clock)),
      trust_(std::move(trust)),
      identity_(trust_, transport, clock_) {}

Reflector& Watches::add(Resource resource, Reduce reduce) {
  reflectors_.push_back(std::make_unique<Reflector>(std::move(resource), transport_, clock_,
                                                    std::move(reduce), trust_));
  if (reflectors_.size() == 1) reflectors_.back()->keep_asking();
  return *reflectors_.back();
}

bool Watches::take(const Arrival& arrival) {
  return identity_.take(arrival) || std::ranges::any_of(reflectors_, [&](const auto& reflector) {
           return reflector->take(arrival);
         });
}

void Watches::step() {
  identity_.step();
  if (identity_.foreign()) {
    for (const auto& reflector : reflectors_) reflector->pause();
  }
  for (const auto& reflector : reflectors_) {
    if (reflector->take_ended()) identity_.doubt();
  }
  bool back = identity_.take_back();
  for (const auto& reflector : reflectors_) back = reflector->take_back() || back;
  if (back) {
    for (const auto& reflector : reflectors_) reflector->ask_soon();
  }
  for (const auto& reflector : reflectors_) {
    // Nothing begins before it is known where.
    if (reflector->idle() && clock_.now() >= reflector->due() && !identity_.fresh()) {
      identity_.ask();
    } else {
      reflector->step();
    }
  }
}

os::Time Watches::due() const {
  os::Time due = identity_.due();
  const os::Time begin = identity_.fresh() ? os::Time::min() : identity_.may_ask();
  for (const auto& reflector : reflectors_) {
    due = std::min(due, reflector->idle() ? std::max(reflector->due(), begin) : reflector->due());
  }
  return due;
}

bool Watches::synced() const {
  return std::ranges::all_of(reflectors_,
                             [](const auto& reflector) { return reflector->settled(); });
}

bool Watches::reachable() const {
  return !identity_.unreachable() && std::ranges::none_of(reflectors_, [](const auto& reflector) {
    return reflector->unreachable();
  });
}

core::ObjectChanges Watches::take_changes() {
  core::ObjectChanges all;
  for (const auto& reflector : reflectors_) {
    core::ObjectChanges changes = reflector->cache().take();
    all.merge(changes);
  }
  return all;
}

ObjectCache::SeenChanges Watches::take_seen() {
  ObjectCache::SeenChanges all;
  for (const auto& reflector : reflectors_) {
    ObjectCache::SeenChanges changes = reflector->cache().take_seen();
    all.merge(changes);
  }
  return all;
}

std::optional<std::vector<Problem>> Watches::new_problems(
    const std::vector<std::string>& credentials, const std::vector<std::string>& writing) {
  std::vector<std::string> state = credentials;
  state.insert(state.end(), writing.begin(), writing.end());
  state.push_back(identity_.trouble());
  for (const auto& reflector : reflectors_) {
    state.push_back(reflector->trouble());
    state.push_back(reflector->doubt());
    state.push_back(std::to_string(reflector->cache().problems_revision()));
  }
  if (state == told_) return std::nullopt;
  told_ = std::move(state);
  std::vector<Problem> problems;
  problems.reserve(credentials.size() + writing.size());
  for (const std::string& text : credentials) problems.push_back({prefix_ + "credentials", text});
  for (const std::string& text : writing) problems.push_back({prefix_ + "status", text});
  if (!identity_.trouble().empty()) problems.push_back({prefix_ + "cluster", identity_.trouble()});
  for (const auto& reflector : reflectors_) {
    if (!reflector->doubt().empty()) {
      problems.push_back({prefix_ + reflector->resource().plural, reflector->doubt()});
    }
    if (!reflector->trouble().empty()) {
      problems.push_back(
          {prefix_ + reflector->resource().plural,
           reflector->trouble() + (reflector->synced() ? "; what is known stays in effect" : "")});
    }
    reflector->cache().add_problems(prefix_, problems);
  }
  std::ranges::sort(problems);
  return problems;
}

}  // namespace kube
