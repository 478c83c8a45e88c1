// A socket on which this host itself takes connections or datagrams. Observed by net/listeners.
#pragma once

#include <compare>
#include <cstdint>
#include <set>

#include "core/ip.hpp"

namespace core {

struct Listener {
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  Address address;           // 0.0.0.0 or ::: every one of the family
  std::uint32_t device = 0;  // index of the interface that it is bound to; 0: none

  friend auto operator<=>(const Listener&, const Listener&) = default;
};

using Listeners = std::set<Listener>;

// Not behind any of this port.
inline Listener lowest(std::uint16_t port) { return {port, Protocol::tcp, Address(), 0}; }

}  // namespace core
