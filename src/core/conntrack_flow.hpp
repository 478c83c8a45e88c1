// One conntrack entry as the sweeps see it, and what they ask for. Reading and deleting is
// net/conntrack.
#pragma once

#include <cstdint>
#include <optional>

#include "core/ip.hpp"

namespace core {

struct Tuple {
  Address source;
  Address destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;

  friend auto operator<=>(const Tuple&, const Tuple&) = default;
};

struct Flow {
  Protocol protocol{};
  Tuple original;
  Tuple reply;
  std::uint32_t mark = 0;
  std::uint32_t status = 0;    // enum ip_conntrack_status: IPS_*
  std::uint8_t tcp_state = 0;  // enum tcp_conntrack; 0 for others
  std::uint32_t id = 0;        // CTA_ID: so that a delete hits this entry and no successor
};

// Which entries a dump is to give; empty members match all. The kernel filters where it can (5.8+).
struct FlowFilter {
  std::optional<Protocol> protocol;
  std::optional<Address> original_destination;
  std::optional<std::uint16_t> original_destination_port;
};

}  // namespace core
