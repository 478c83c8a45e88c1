#include "core/egress/status.hpp"

#include <algorithm>
#include <utility>

namespace core {
namespace {

using Status = Condition::Status;

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
  return all;
}

// As many as people read; a template may hold thousands.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  std::string all;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
    all += (i == 0 ? "" : ", ") + names[i].substr(0, 200);
  }
  if (names.size() > most) all += " and " + std::to_string(names.size() - most) + " more";
  return all;
}

Condition make(std::string type, Status status, std::string reason, std::string message = "") {
  Condition condition;
  condition.type = std::move(type);
  condition.status = status;
  condition.reason = std::move(reason);
  condition.message = std::move(message);
  return condition;
}

Condition valid(const EgressFacts& facts) {
  if (facts.faults.empty()) return make("Valid", Status::yes, "Valid", joined(facts.warnings));
  return make(
      "Valid", Status::no, "Invalid",
      joined(facts.faults) + (facts.in_effect ? "; the version before stays in effect" : ""));
}

Condition disjoint(const EgressFacts& facts) {
  if (facts.overlaps.empty()) return make("Disjoint", Status::yes, "Disjoint");
  return make("Disjoint", Status::no, "OverlapsCluster",
              to_string(facts.overlaps) +
                  ": clients reach it through the NAT pods; list in excludedDestinations what they "
                  "should not");
}

Condition applied(const EgressFacts& facts) {
  if (!facts.refusal_reason.empty()) {
    return make("Applied", Status::no, facts.refusal_reason, facts.refusal_message);
  }
  if (!facts.in_effect) {
    return make("Applied", Status::no, "NotValid",
                "nothing is made or changed while it is not valid");
  }
  if (!facts.left_out.empty()) {
    return make(
        "Applied", Status::yes, "FieldsLeftOut",
        "left out, as Pod Security's baseline does not let them pass, or the account has no "
        "label egress.pona.cybozu.com/nat-pods: " +
            listed(facts.left_out) +
            "; the controller's option --template-policy any lets everything pass");
  }
  return make("Applied", Status::yes, "Applied");
}

Condition ready(const EgressFacts& facts) {
  const std::string troubles = joined(facts.troubles);
  const std::string count = std::to_string(facts.available) + " of " +
                            std::to_string(facts.wanted) + " NAT pods are available" +
                            (troubles.empty() ? "" : ": " + troubles);
  if (facts.available == 0) {
    return facts.wanted == 0 && facts.in_effect
               ? make("Ready", Status::no, "ScaledToZero", "no NAT pods are wanted")
               : make("Ready", Status::no, "Unavailable", count);
  }
  if (facts.available < facts.wanted) return make("Ready", Status::yes, "PartlyAvailable", count);
  // New ones may fail while those of before still serve.
  return make("Ready", Status::yes, "Available", troubles);
}

}  // namespace

std::vector<Condition> egress_conditions(const EgressFacts& facts,
                                         std::span<const Condition> before) {
  std::vector<Condition> conditions = {valid(facts), disjoint(facts), applied(facts), ready(facts)};
  for (Condition& condition : conditions) {
    const auto was = std::ranges::find(before, condition.type, &Condition::type);
    const bool same = was != before.end() && was->status == condition.status;
    condition.since = same ? was->since : facts.now;
    condition.generation = facts.generation;
  }
  return conditions;
}

}  // namespace core
