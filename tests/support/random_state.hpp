// Random states that a kernel accepts, out of few names and values, so that any two have much in
// common: for properties of diff and of whatever applies it.
#pragma once

#include <random>

#include "core/state/state.hpp"

namespace support {

// The links that routes of random states go over.
inline constexpr const char* random_links[] = {"eth1", "eth2.7"};

core::State random_state(std::mt19937& chance);

// The same up to the order in which sets and chains were made, which is none of diff's business.
core::State in_order(core::State state);

}  // namespace support
