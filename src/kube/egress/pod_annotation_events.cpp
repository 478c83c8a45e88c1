#include "kube/egress/pod_annotation_events.hpp"

#include <utility>

namespace kube {
namespace {

using namespace std::chrono_literals;

// Who applies a file with both, or a cluster that is restored, has the Egress a moment later.
constexpr os::Time::duration annotation_grace = 5s;

}  // namespace

void PodNotes::update(const core::ObjectChanges& changes) {
  for (const auto& [id, object] : changes) {
    if (id.kind == core::Kind::egress) {
      if (object) {
        egresses_.insert(id.name);
      } else {
        egresses_.erase(id.name);
      }
      const auto users = by_egress_.find(id.name);
      if (users == by_egress_.end()) continue;
      for (const core::ObjectName& pod : users->second) look_at(pod);
    } else if (id.kind == core::Kind::pod) {
      const auto known = pods_.find(id.name);
      if (known != pods_.end()) {
        for (const auto& egress : std::get<core::Pod>(*known->second.pod).egresses) {
          by_egress_[egress].erase(id.name);
          if (by_egress_[egress].empty()) by_egress_.erase(egress);
        }
      }
      const auto* const pod = object ? std::get_if<core::Pod>(object.get()) : nullptr;
      if (pod == nullptr || (pod->egresses.empty() && pod->faults.empty()) || pod->finished) {
        if (known != pods_.end()) pods_.erase(known);
        continue;
      }
      Record& record = pods_[id.name];
      if (record.pod && std::get<core::Pod>(*record.pod).uid != pod->uid) record.told.clear();
      record.pod = object;
      for (const auto& egress : pod->egresses) by_egress_[egress].insert(id.name);
      look_at(id.name);
    }
  }
}

void PodNotes::lead(bool leading) {
  if (leading_ == leading) return;
  leading_ = leading;
  if (!leading_) return;
  for (const auto& [name, record] : pods_) look_at(name);
}

void PodNotes::look_at(const core::ObjectName& pod) {
  if (!leading_ || waiting_.contains(pod)) return;
  const os::Time until = clock_.now() + annotation_grace;
  waiting_.emplace(pod, until);
  due_.emplace(until, pod);
}

os::Time PodNotes::due() const {
  return !leading_ || due_.empty() ? os::Time::max() : due_.begin()->first;
}

void PodNotes::step() {
  if (!leading_) {
    waiting_.clear();
    due_.clear();
  }
  while (!due_.empty() && due_.begin()->first <= clock_.now()) {
    const core::ObjectName name = due_.begin()->second;
    due_.erase(due_.begin());
    waiting_.erase(name);
    if (const auto found = pods_.find(name); found != pods_.end()) tell(name, found->second);
  }
}

void PodNotes::tell(const core::ObjectName& name, Record& record) {
  const core::Pod& pod = std::get<core::Pod>(*record.pod);
  std::map<std::string, const char*> notes;
  for (const std::string& fault : pod.faults) notes.emplace(fault, "BadEgressAnnotation");
  for (const core::ObjectName& egress : pod.egresses) {
    if (egresses_.contains(egress)) continue;
    notes.emplace(
        "there is no valid Egress " + core::to_string(egress) +
            ", for which an annotation asks: create or mend it, or correct the annotation",
        "EgressNotFound");
  }
  if (pod.host_network) {
    notes.emplace(
        "a pod with hostNetwork has its node's way out: its annotations for Egresses "
        "have no effect",
        "EgressNotPossible");
  }
  std::set<std::string> told;
  for (const auto& [text, reason] : notes) {
    told.insert(text);
    if (record.told.contains(text)) continue;
    events_.record({{core::Kind::pod, name}, pod.uid, true, reason, "ConfigureEgress", text});
  }
  record.told = std::move(told);  // what comes again is told again
}

}  // namespace kube
