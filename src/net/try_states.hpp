// Whether the kernel takes states of pona: each is applied in a network namespace that is made for
// it and goes with it. Nothing of the caller's namespaces changes; the kernel may load modules.
#pragma once

#include <string>
#include <vector>

#include "core/state/scope.hpp"
#include "core/state/state.hpp"

namespace net {

struct Attempt {
  core::Scope scope;
  core::State state;
};

struct AttemptResults {
  // Of each attempt the change and what the kernel answered; empty: it took all of it.
  std::vector<std::string> refusals;
  bool owned_tables = false;  // tables can have an owner and outlive it
  std::string failure;        // why nothing could be tried; empty: it was
  bool privileges = false;    // more rights would help
};

// Forks, so other threads must not hold what is needed there: for commands. Without root it tries
// in a user namespace.
AttemptResults try_states(const std::vector<Attempt>& attempts);

}  // namespace net
