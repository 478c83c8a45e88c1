#include "kube/api/object_cache.hpp"

#include <utility>

namespace kube {

void ObjectCache::put(Decoded decoded) {
  const core::ObjectId id = *decoded.id;
  Entry& entry = entries_[id];
  entry.list = list_;
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

void ObjectCache::end_list() {
  std::erase_if(entries_, [&](const auto& item) {
    const bool gone = item.second.list != list_;
    if (gone) forget(item.first, item.second);
    return gone;
  });
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
