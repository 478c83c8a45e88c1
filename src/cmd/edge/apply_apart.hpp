// Changes that the kernel refuses as a whole, carried out as far as it takes them: one object that
// it does not take must not keep all others waiting. Not here: what becomes of those that it
// refuses (core::EdgePlan::set_aside).
#pragma once

#include "core/edge/plan_edge.hpp"
#include "core/state/state.hpp"
#include "net/kernel.hpp"

namespace cmd {

// `changes` lead from what the kernel holds to the plan. Who is refused is found by halves, so a
// few bad ones among many cost a few transactions more, and each of the others is carried out.
// Throws core::Error for what no object is to blame for.
core::Refused apply_apart(net::Kernel& kernel, const core::EdgePlan& plan,
                          const core::Changes& changes);

}  // namespace cmd
