// An Egress's status as values: what the controller knows of it, as conditions for people and
// programs. Pure: how it is written is kube's business, and the clock is a parameter.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/condition.hpp"
#include "core/egress/overlapping_destinations.hpp"

namespace core {

struct EgressFacts {
  std::int64_t generation = 0;
  std::int64_t now = 0;  // Unix seconds
  std::vector<std::string> faults;
  std::vector<std::string> warnings;
  bool in_effect = false;             // this version or, where it has faults, one before
  std::string refusal_reason;         // of a part of its workload, one word; empty: all is made
  std::string refusal_message;        // the same, for people
  std::vector<std::string> left_out;  // of its template, as it is not allowed
  std::vector<EgressOverlap> overlaps;
  std::uint32_t wanted = 0;  // NAT pods
  std::uint32_t available = 0;
  std::vector<std::string> troubles;  // why not all of them are, as far as somebody says
};

// Valid, Disjoint, Applied, Ready. `before` are the conditions as they stand, for the time since
// when each is so.
std::vector<Condition> egress_conditions(const EgressFacts& facts,
                                         std::span<const Condition> before);

}  // namespace core
