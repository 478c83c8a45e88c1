// What became of a claimant, for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/edge/forward.hpp"
#include "core/edge/obstruction.hpp"

namespace core {

inline constexpr std::size_t most_unserved = 100;

// What one Mapping, or one Service of type LoadBalancer, looks like to a user.
struct MappingReport {
  enum class State : std::uint8_t {
    active,    // programmed here
    inactive,  // valid, but none of its addresses is local here
    degraded,  // programmed in part: some ports or addresses were rejected
    rejected,  // nothing of it is in effect
  };
  State state = State::active;
  std::vector<std::string> reasons;  // of degraded, inactive and rejected, and warnings
  Obstructions obstructions;         // the same in words for programs
  std::vector<ForwardKey> unserved;  // what it asks for and does not get; at most most_unserved
};

std::string_view to_string(MappingReport::State state);

}  // namespace core
