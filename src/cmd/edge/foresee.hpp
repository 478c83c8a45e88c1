// What rules of other programs on this host will make of a plan that is not in effect yet: told
// before somebody applies it. Reads only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/edge/plan_edge.hpp"

namespace cmd {

// For operators: one for each rule, with an example of what it stops or leads elsewhere, and the
// command that lets it pass. `only`: of this object. In the network namespace of the calling
// thread.
std::vector<std::string> foresee_rules(const core::EdgePlan& plan,
                                       const std::optional<core::ObjectId>& only = {});

}  // namespace cmd
