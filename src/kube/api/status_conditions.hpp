// The conditions of a status, as all who write one say them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/condition.hpp"
#include "kube/decode/mapping_status.hpp"

namespace kube {

// As the API has them (metav1.Condition).
nlohmann::json conditions_json(const std::vector<core::Condition>& conditions);

// The status has them, each as it is; others beside them do not count.
bool has_conditions(const MappingStatusView& status,
                    const std::vector<core::Condition>& conditions);

// For people, never empty.
std::string message_of(const core::Condition& condition);

}  // namespace kube
