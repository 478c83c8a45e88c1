#include "kube/egress/nat_pod_troubles.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/printable.hpp"
#include "kube/decode/egress_labels.hpp"
#include "kube/decode/json_at.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;

// What Pod Security and schedulers say is longer than people read.
constexpr std::size_t longest = 400;
constexpr std::size_t most_texts = 3;

std::string word_at(const Json& object, std::initializer_list<const char*> path) {
  const Json& word = json_at(object, path);
  return word.is_string() ? core::printable(word.get<std::string>(), longest) : "";
}

std::string after(const std::string& what, const std::string& more) {
  return more.empty() ? what : what + ": " + more;
}

const Json* condition_of(const Json& object, std::string_view type, std::string_view status) {
  const Json& conditions = json_at(object, {"status", "conditions"});
  if (!conditions.is_array()) return nullptr;
  const auto found = std::ranges::find_if(conditions, [&](const Json& one) {
    return json_at(one, {"type"}) == type && json_at(one, {"status"}) == status;
  });
  return found == conditions.end() ? nullptr : &*found;
}

// It alternates between two reasons, the second of which says how long it waits.
bool is_about_image(const std::string& reason) {
  return reason == "ErrImagePull" || reason == "ImagePullBackOff";
}

std::string trouble_of_container(const Json& status) {
  const std::string reason = word_at(status, {"state", "waiting", "reason"});
  if (reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing") return "";
  const std::string name = "container " + word_at(status, {"name"});
  if (is_about_image(reason)) {
    return "the image " + word_at(status, {"image"}) + " of " + name + " cannot be pulled";
  }
  if (reason != "CrashLoopBackOff") {
    return after(name + " cannot start: " + reason,
                 word_at(status, {"state", "waiting", "message"}));
  }
  const Json& last = json_at(status, {"lastState", "terminated"});
  std::string why = word_at(last, {"message"});
  if (why.empty()) why = word_at(last, {"reason"});
  const Json& code = json_at(last, {"exitCode"});
  if (code.is_number_integer()) why += " (exit status " + std::to_string(code.get<int>()) + ")";
  return after(name + " ends again and again", why);
}

Json parsed(std::string_view text) { return Json::parse(text, nullptr, false); }

}  // namespace

std::string trouble_of_pod(std::string_view text) {
  const Json pod = parsed(text);
  if (!json_at(pod, {"metadata", "deletionTimestamp"}).is_null()) return "";
  if (json_at(pod, {"status", "phase"}) == "Failed") {
    return after(after("failed", word_at(pod, {"status", "reason"})),
                 word_at(pod, {"status", "message"}));
  }
  if (const Json* const unscheduled = condition_of(pod, "PodScheduled", "False")) {
    return after("cannot be scheduled", word_at(*unscheduled, {"message"}));
  }
  for (const char* const list : {"initContainerStatuses", "containerStatuses"}) {
    const Json& statuses = json_at(pod, {"status", list});
    if (!statuses.is_array()) continue;
    for (const Json& status : statuses) {
      if (std::string trouble = trouble_of_container(status); !trouble.empty()) return trouble;
    }
  }
  return "";
}

std::string trouble_of_deployment(std::string_view text) {
  const Json deployment = parsed(text);
  const Json* const failure = condition_of(deployment, "ReplicaFailure", "True");
  return failure == nullptr ? "" : after("cannot be created", word_at(*failure, {"message"}));
}

core::ObjectName NatPodTroubles::update(const core::ObjectName& pod, const Seen* seen) {
  Trouble now;
  if (seen != nullptr) {
    const Json object = parsed(seen->json);
    const std::string label(app_instance_label);
    const Json& egress = json_at(object, {"metadata", "labels", label.c_str()});
    now.text = trouble_of_pod(seen->json);
    if (egress.is_string()) now.egress = {pod.ns, egress.get<std::string>()};
  }
  const auto known = pods_.find(pod);
  const Trouble before = known == pods_.end() ? Trouble{} : known->second;
  if (now.egress.name.empty() || now.text.empty()) {
    if (known != pods_.end()) pods_.erase(known);
    return before.egress;
  }
  if (now.egress == before.egress && now.text == before.text) return {};
  pods_.insert_or_assign(pod, now);
  return now.egress;
}

std::vector<std::string> NatPodTroubles::of(const core::ObjectName& egress) const {
  std::map<std::string, std::size_t> counts;
  // Its pods are in its namespace.
  for (auto at = pods_.lower_bound({egress.ns, ""}); at != pods_.end(); ++at) {
    if (at->first.ns != egress.ns) break;
    if (at->second.egress == egress) ++counts[at->second.text];
  }
  std::vector<std::pair<std::string, std::size_t>> all(counts.begin(), counts.end());
  std::ranges::stable_sort(all, [](const auto& a, const auto& b) { return a.second > b.second; });
  if (all.size() > most_texts) all.resize(most_texts);
  std::vector<std::string> texts;
  texts.reserve(all.size());
  for (const auto& [text, count] : all) {
    texts.push_back(std::to_string(count) + (count == 1 ? " NAT pod: " : " NAT pods: ") + text);
  }
  return texts;
}

}  // namespace kube
