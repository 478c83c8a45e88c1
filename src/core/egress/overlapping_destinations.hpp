// Whether an Egress takes what its clients send to the cluster's own addresses. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/objects.hpp"

namespace core {

// Addresses of the cluster itself.
struct ClusterRange {
  enum class Of : std::uint8_t { pods, services, node };

  Prefix range;
  Of of = Of::pods;
  std::string name;  // of the node or the ServiceCIDR

  friend auto operator<=>(const ClusterRange&, const ClusterRange&) = default;
};

struct EgressOverlap {
  Prefix destination;
  ClusterRange range;

  friend auto operator<=>(const EgressOverlap&, const EgressOverlap&) = default;
};

// Sorted. A destination that is wider than the private range in which the cluster's addresses lie
// does not take them, as plan_client() has it; nor what is excluded.
std::vector<EgressOverlap> find_overlaps(const Egress& egress,
                                         std::span<const ClusterRange> ranges);

// "destination 10.0.0.0/8 covers pods of node-1 (10.1.0.0/24), …": the first few.
std::string to_string(std::span<const EgressOverlap> overlaps);

}  // namespace core
