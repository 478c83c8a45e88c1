// Building up what is in effect nowhere yet, in parts: the changes of a large plan, and the one
// transaction that holds them, would take twice the memory of the plan itself.
#pragma once

#include <cstddef>
#include <functional>

#include "core/state/diff.hpp"
#include "core/state/state.hpp"

namespace core {

// Nothing passes through these tables: there are none, or no chain of theirs has a hook. Then they
// are what a build that was cut short has left behind.
bool inert(const State& observed);

// Turns an inert `observed` into `desired` (whose elements come from the generator): what it gives
// to `commit`, one after another, is without effect until the last, which brings the hooks, routes
// and rules. A table that is there is made anew. `at_once`: elements of a part; so many that the
// kernel's work for each transaction is of no weight.
void build(const State& observed, const State& desired, const EachElement& desired_elements,
           const std::function<void(const Changes&)>& commit, std::size_t at_once = 16'384);

}  // namespace core
