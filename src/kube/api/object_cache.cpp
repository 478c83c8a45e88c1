#include "kube/api/object_cache.hpp"

#include <algorithm>
#include <utility>

namespace kube {

void ObjectCache::put(Decoded decoded) {
  const core::ObjectId id = *decoded.id;
  const auto [at, fresh] = entries_.try_emplace(id);
  Entry& entry = at->second;
  if (fresh) entry.born = list_;
  entry.list = list_;
  entry.doubted = false;
  note(id, decoded, !decoded.object && entry.object);
  if (decoded.seen || entry.seen) see(id, std::move(decoded.seen));
  if (!decoded.object) return;
  // Most events are about what pona does not read.
  if (entry.object && *entry.object == *decoded.object) return;
  entry.object = std::move(decoded.object);
  changes_.insert_or_assign(id, entry.object);
}

void ObjectCache::see(const core::ObjectId& id, std::shared_ptr<const Seen> seen) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  std::shared_ptr<const Seen>& known = found->second.seen;
  // An object of the same name is a new one, whatever its version.
  const bool same = known && seen && known->uid == seen->uid;
  if (same && is_not_newer(seen->version, known->version)) return;
  known = std::move(seen);
  seen_changes_.insert_or_assign(id, known);
}

std::shared_ptr<const core::Object> ObjectCache::find(const core::ObjectId& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.object;
}

void ObjectCache::remove(const core::ObjectId& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  forget(id, found->second);
  entries_.erase(found);
}

std::size_t ObjectCache::missing() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(entries_, [&](const auto& item) { return item.second.list != list_; }));
}

std::size_t ObjectCache::known() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(entries_, [&](const auto& item) { return item.second.born != list_; }));
}

template <typename Gone>
void ObjectCache::forget_where(const Gone& gone) {
  std::erase_if(entries_, [&](const auto& item) {
    const bool goes = gone(item.second);
    if (goes) forget(item.first, item.second);
    return goes;
  });
}

void ObjectCache::end_list() {
  forget_where([&](const Entry& entry) { return entry.list != list_; });
}

void ObjectCache::doubt_list() {
  for (auto& [id, entry] : entries_) entry.doubted = entry.list != list_;
}

void ObjectCache::confirm_list() {
  forget_where([&](const Entry& entry) { return entry.doubted && entry.list != list_; });
}

void ObjectCache::seed(const core::ObjectId& id, std::shared_ptr<const core::Object> object) {
  changes_.insert_or_assign(id, object);
  entries_[id].object = std::move(object);
}

void ObjectCache::forget_seeded() {
  forget_where([](const Entry& entry) { return entry.list == 0; });
}

void ObjectCache::forget(const core::ObjectId& id, const Entry& entry) {
  if (entry.object) changes_.insert_or_assign(id, nullptr);
  if (entry.seen) seen_changes_.insert_or_assign(id, nullptr);
  if (faults_.erase(id) > 0) ++problems_revision_;
}

void ObjectCache::note(const core::ObjectId& id, const Decoded& decoded, bool kept) {
  if (decoded.findings.empty()) {
    if (!faults_.empty() && faults_.erase(id) > 0) ++problems_revision_;
    return;
  }
  Faults faults;
  for (const Finding& finding : decoded.findings) {
    faults.texts.push_back(to_string(finding, std::nullopt));
  }
  faults.kept = kept;
  Faults& known = faults_[id];
  if (known == faults) return;
  known = std::move(faults);
  ++problems_revision_;
}

void ObjectCache::add_problems(const std::string& prefix, std::vector<Problem>& problems) const {
  for (const auto& [id, faults] : faults_) {
    for (const std::string& text : faults.texts) {
      problems.push_back({prefix + core::to_string(id.name),
                          std::string(core::to_string(id.kind)) + ": " + text +
                              (faults.kept ? "; the last good version stays in effect" : "")});
    }
  }
}

}  // namespace kube
