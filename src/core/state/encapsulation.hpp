// Where a device of external mode sends a packet to (RTA_ENCAP of type ip and ip6): part of routes
// and nexthop objects.
#pragma once

#include <compare>
#include <cstdint>

#include "core/ip.hpp"

namespace core {

struct Encapsulation {
  std::uint32_t id = 0;  // VXLAN network identifier
  Address remote;

  friend auto operator<=>(const Encapsulation&, const Encapsulation&) = default;
};

}  // namespace core
