#include "core/state/element_index.hpp"

#include <algorithm>
#include <utility>

namespace core {

template <typename AnySets>
auto ElementIndex::find(AnySets& sets, const Element& element)
    -> decltype(sets.begin()->second.data()) {
  const auto set = sets.find({element.key.family, element.key.set});
  if (set == sets.end()) return nullptr;
  const Digest digest = digest_of(element);
  const auto found = std::ranges::lower_bound(set->second, digest, {}, &Entry::digest);
  return found != set->second.end() && found->digest == digest ? &*found : nullptr;
}

ElementIndex::ElementIndex(EachElement desired) : desired_(std::move(desired)) {}

void ElementIndex::make() {
  made_ = true;
  std::map<std::pair<Family, SetId>, std::size_t> counts;
  desired_([&](const Element& element) { ++counts[{element.key.family, element.key.set}]; });
  for (const auto& [set, count] : counts) sets_[set].reserve(count);
  desired_([&](const Element& element) {
    sets_[{element.key.family, element.key.set}].push_back({digest_of(element)});
  });
  for (auto& [set, entries] : sets_) std::ranges::sort(entries, {}, &Entry::digest);
}

void ElementIndex::begin(Family family, SetId set) {
  if (!made_) make();
  const auto found = sets_.find({family, set});
  if (found == sets_.end()) return;
  for (Entry& entry : found->second) entry.met = false;
}

bool ElementIndex::keeps(const Element& element) {
  Entry* const entry = find(sets_, element);
  if (entry == nullptr) return true;
  entry->met = true;
  return false;
}

bool ElementIndex::has_met(const Element& desired) const {
  const Entry* const entry = find(sets_, desired);
  return entry != nullptr && entry->met;
}

ElementIndex::Digest ElementIndex::digest_of(const Element& element) {
  return {hash_of(element, 0x243f6a8885a308d3), hash_of(element, 0x13198a2e03707344)};
}

}  // namespace core
