// What is tried to see what a kernel can do: small states, made of what pona's own planners plan,
// so that what is taken here is taken in earnest. Pure. Not here: trying (net/try_states).
#pragma once

#include <vector>

#include "core/state/scope.hpp"
#include "core/state/state.hpp"

namespace core::check {

struct TrialState {
  int code = 0;  // of what is missing where it is refused
  Scope scope;
  core::State state;
};

// `ipv6`: the kernel has it. Not among them: code::owner, which is a flag of a table.
std::vector<TrialState> trial_states(bool ipv6);

}  // namespace core::check
