#include "kube/api/status_conditions.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kube/decode/mapping_fields.hpp"

namespace kube {

nlohmann::json conditions_json(const std::vector<core::Condition>& conditions) {
  auto all = nlohmann::json::array();
  for (const core::Condition& condition : conditions) {
    all.push_back({{"type", condition.type},
                   {"status", core::to_string(condition.status)},
                   {"reason", condition.reason},
                   {"message", condition.message},
                   {"observedGeneration", condition.generation},
                   {"lastTransitionTime", format_timestamp(condition.since)}});
  }
  return all;
}

bool has_conditions(const MappingStatusView& status,
                    const std::vector<core::Condition>& conditions) {
  return std::ranges::all_of(conditions, [&](const core::Condition& condition) {
    const core::Condition* const there = status.condition(condition.type);
    return there != nullptr && *there == condition;
  });
}

std::string message_of(const core::Condition& condition) {
  if (!condition.message.empty()) return condition.message;
  return condition.type + " is " + std::string(core::to_string(condition.status));
}

}  // namespace kube
