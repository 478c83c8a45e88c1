// What turns the nftables tables of one state into those of another: diff's part of its own.
#pragma once

#include "core/state/diff.hpp"

namespace core {

// Appends the changes, which belong in one transaction; the desired elements come from the
// generator.
void diff_tables(const State& observed, const State& desired, const EachElement& each_desired,
                 Changes& changes);

}  // namespace core
