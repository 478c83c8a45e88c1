// How the edge uses its bits of packet and connection marks.
#pragma once

#include <cstdint>

namespace core {

// The bits of a mark mask: two for what is to become of a new connection, the rest for the
// interface.
struct EdgeMarks {
  std::uint32_t action_mask = 0;
  std::uint32_t forwarded = 0;  // packet: ours, treated as the appliance is set
  std::uint32_t altered = 0;    // packet: ours, treated the other way
  std::uint32_t rejected = 0;   // packet: ours, nobody serves it
  std::uint32_t departed = 0;   // connection: opened by a pod, SNATed
  std::uint32_t interface_mask = 0;
  std::uint32_t interface_shift = 0;
  std::uint32_t interfaces = 0;  // how many numbers there are
  // Of a number, what is beyond this many bits stands higher up, above the action.
  std::uint32_t low_bits = 31;
  std::uint32_t high_shift = 0;

  explicit EdgeMarks(std::uint32_t mask);
  [[nodiscard]] std::uint32_t interface(std::uint32_t number) const {
    const std::uint32_t high = number >> low_bits;
    return (number & ((1U << low_bits) - 1)) << interface_shift | high << high_shift;
  }
};

}  // namespace core
