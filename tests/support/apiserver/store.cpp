#include "support/apiserver/store.hpp"

#include <algorithm>

namespace support::apiserver {
namespace {

std::vector<std::pair<Key, Stored>> range(const Store::Objects& objects,
                                          const std::string& resource, const std::string& space) {
  std::vector<std::pair<Key, Stored>> out;
  for (auto at = objects.lower_bound({resource, space, ""});
       at != objects.end() && at->first.resource == resource &&
       (space.empty() || at->first.space == space);
       ++at) {
    out.emplace_back(*at);
  }
  return out;
}

}  // namespace

Stored Store::get(const Key& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<std::pair<Key, Stored>> Store::list(const std::string& resource,
                                                const std::string& space) const {
  return range(objects_, resource, space);
}

std::vector<std::pair<Key, Stored>> Store::list_at(std::uint64_t revision,
                                                   const std::string& resource,
                                                   const std::string& space) const {
  if (revision >= revision_) return list(resource, space);
  Objects objects;
  for (auto& [key, object] : list(resource, space)) objects.emplace(key, object);
  for (auto event = log_.rbegin(); event != log_.rend() && event->revision > revision; ++event) {
    if (event->key.resource != resource || (!space.empty() && event->key.space != space)) continue;
    if (event->before) {
      objects[event->key] = event->before;
    } else {
      objects.erase(event->key);
    }
  }
  return {objects.begin(), objects.end()};
}

Stored Store::put(const Key& key, Json object) {
  object["metadata"]["resourceVersion"] = std::to_string(++revision_);
  auto stored = std::make_shared<const Json>(std::move(object));
  Stored& place = objects_[key];
  log_.push_back({revision_, key, place, stored});
  place = stored;
  return stored;
}

Stored Store::erase(const Key& key) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return nullptr;
  const Stored before = found->second;
  Json last = *before;
  last["metadata"]["resourceVersion"] = std::to_string(++revision_);
  log_.push_back({revision_, key, before, nullptr});
  objects_.erase(found);
  return std::make_shared<const Json>(std::move(last));
}

void Store::compact(std::uint64_t revision) {
  compacted_ = std::max(compacted_, std::min(revision, revision_));
  while (!log_.empty() && log_.front().revision <= compacted_) log_.pop_front();
}

void Store::events_after(std::uint64_t revision,
                         const std::function<bool(const Event&)>& visit) const {
  auto at = std::upper_bound(
      log_.begin(), log_.end(), revision,
      [](std::uint64_t value, const Event& event) { return value < event.revision; });
  while (at != log_.end() && visit(*at)) ++at;
}

}  // namespace support::apiserver
