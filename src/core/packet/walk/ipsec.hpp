// IPsec policies (xfrm) as the kernel lists them, and which one takes a packet. What becomes of a
// packet inside IPsec is not modelled. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/packet.hpp"

namespace core::packet {

struct IpsecPolicy {
  enum class Direction : std::uint8_t { in, out, forward };  // XFRM_POLICY_*
  Direction direction{};
  bool blocks = false;      // XFRM_POLICY_BLOCK
  bool transforms = false;  // it has a template that is not optional
  bool has_state = true;    // there is a security association for each of its templates
  Prefix source;
  Prefix destination;
  std::uint8_t protocol = 0;  // 0: any
  std::uint16_t source_port = 0;
  std::uint16_t source_port_mask = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t destination_port_mask = 0;
  std::uint32_t device = 0;  // index; 0: any
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0;
  std::uint32_t priority = 0;
  std::optional<Address> remote;  // of the first template in tunnel mode
  std::string text;  // "src 10.0.0.0/8 dst 10.1.0.0/16 dir out …", as ip-xfrm(8) has it

  friend bool operator==(const IpsecPolicy&, const IpsecPolicy&) = default;
};

// The one that decides: of those that fit that of the lowest priority, the first of these as they
// are listed. `device`: the index of that which it leaves or came in by. Null: none.
const IpsecPolicy* find_policy(const std::vector<IpsecPolicy>& policies,
                               IpsecPolicy::Direction direction, const Packet& packet,
                               std::uint32_t device, std::uint32_t mark);

}  // namespace core::packet
