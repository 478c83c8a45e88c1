// How much the elements that count have counted.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/state/state.hpp"

namespace core {

struct Count {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};
using Counts = std::unordered_map<ElementKey, Count, ElementKeyHash>;

}  // namespace core
