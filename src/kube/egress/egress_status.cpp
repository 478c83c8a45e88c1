#include "kube/egress/egress_status.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "kube/api/status_conditions.hpp"
#include "kube/decode/json_at.hpp"
#include "kube/decode/json_text.hpp"
#include "kube/egress/nat_pod_troubles.hpp"
#include "kube/egress/plan_workload.hpp"

namespace kube {
namespace {

using Json = nlohmann::json;

std::uint32_t number_at(const Json& object, std::initializer_list<const char*> path) {
  const Json& number = json_at(object, path);
  return number.is_number_unsigned() ? number.get<std::uint32_t>() : 0;
}

}  // namespace

EgressReport report_egress(const core::ObjectName& egress, const Seen& seen, const Seen* deployment,
                           core::EgressFacts facts) {
  const Json object = Json::parse(seen.json, nullptr, false);
  facts.generation = seen.generation;
  facts.faults = seen.faults;
  facts.warnings = seen.warnings;
  if (json_at(object, {"spec", "template", "spec", "hostNetwork"}) == true) {
    facts.warnings.emplace_back(
        "spec.template.spec.hostNetwork: has no effect, a NAT pod has a network of its own");
  }
  // A Service's UDP is forgotten by conntrack after nf_conntrack_udp_timeout, 30 s.
  if (json_at(object, {"spec", "mode"}) == "Service" &&
      json_at(object, {"spec", "sessionAffinity"}) != "ClientIP") {
    facts.warnings.emplace_back(
        "spec.mode: Service without spec.sessionAffinity: ClientIP: a connection that is silent "
        "for 30 s may be led to another NAT pod, which ends it");
  }
  const Json& replicas = json_at(object, {"spec", "replicas"});
  facts.wanted = replicas.is_number_unsigned() ? replicas.get<std::uint32_t>() : 1;
  std::uint32_t ready = 0;
  if (deployment != nullptr) {
    const Json found = Json::parse(deployment->json, nullptr, false);
    facts.available = number_at(found, {"status", "availableReplicas"});
    ready = number_at(found, {"status", "readyReplicas"});
    if (std::string trouble = trouble_of_deployment(deployment->json); !trouble.empty()) {
      facts.troubles.insert(facts.troubles.begin(), "NAT pods " + std::move(trouble));
    }
  }
  EgressReport report;
  report.conditions = core::egress_conditions(facts, seen.status.conditions);
  Json status = {{"observedGeneration", seen.generation},
                 {"replicas", facts.available},
                 {"ready", ready},
                 {"selector", nat_selector(egress.name)}};
  const Json& there = json_at(object, {"status"});
  const bool same =
      std::ranges::all_of(
          status.items(),
          [&](const auto& item) { return json_at(there, {item.key().c_str()}) == item.value(); }) &&
      has_conditions(seen.status, report.conditions);
  report.news = !same;
  status["conditions"] = conditions_json(report.conditions);
  report.status = dump_json(status);
  return report;
}

// The authors of objects look at Events; what is as it was needs none.
std::vector<EventNote> notes_of(const core::ObjectName& egress, const Seen& before,
                                const std::vector<core::Condition>& conditions) {
  std::vector<EventNote> notes;
  using Status = core::Condition::Status;
  for (const core::Condition& condition : conditions) {
    const core::Condition* const was = before.status.condition(condition.type);
    const bool known = was != nullptr && was->status == condition.status;
    if (known && was->reason == condition.reason &&
        (condition.status == Status::yes || was->message == condition.message)) {
      continue;
    }
    const bool warning = condition.status == Status::no && condition.reason != "ScaledToZero";
    // That all is well is said by what comes last; that NAT pods are still to start, by nobody.
    if (!warning && condition.type != "Ready") continue;
    if (condition.reason == "NotValid" ||
        (condition.type == "Ready" && warning && was == nullptr)) {
      continue;
    }
    notes.push_back({{core::Kind::egress, egress},
                     before.uid,
                     warning,
                     condition.reason,
                     condition.type == "Applied" ? "Apply" : "Check",
                     message_of(condition)});
  }
  return notes;
}

}  // namespace kube
