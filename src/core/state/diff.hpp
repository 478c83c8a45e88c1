// State and state -> changes. Pure; apply(diff(a, b), a) == b.
#pragma once

#include <functional>

#include "core/state/state.hpp"

namespace core {

// Gives each desired element once to the callback. A generator, because the desired elements of a
// large plan are never all in memory.
using EachElement = std::function<void(const std::function<void(const Element&)>&)>;

// What turns `observed` into `desired`. The second form takes the desired elements from a generator
// and ignores desired.elements.
Changes diff(const State& observed, const State& desired);
Changes diff(const State& observed, const State& desired, const EachElement& desired_elements);

// Whether diff alters every observed table in place. Else it makes one anew, with all its elements.
bool keeps_tables(const State& observed, const State& desired);

// Elements only, of one object before and after: the path of an ordinary change.
Changes diff(const std::vector<Element>& before, const std::vector<Element>& after);

// The state after the changes; changes that do not fit (deleting what is not there) are ignored.
// What the fake kernel and the property tests are made of.
State apply(const Changes& changes, State state);

}  // namespace core
