#include "core/packet/walk/ipsec.hpp"

namespace core::packet {
namespace {

// xfrm_selector_match(); of ICMP type and code are what ports are (xfrm_flowi_sport).
bool selects(const IpsecPolicy& policy, const Packet& packet) {
  const bool echo = packet.protocol == icmp || packet.protocol == icmpv6;
  const std::uint16_t source_port = echo ? packet.icmp_type : packet.source_port;
  const std::uint16_t destination_port = echo ? packet.icmp_code : packet.destination_port;
  return policy.source.family() == packet.family && policy.source.contains(packet.source) &&
         policy.destination.contains(packet.destination) &&
         ((source_port ^ policy.source_port) & policy.source_port_mask) == 0 &&
         ((destination_port ^ policy.destination_port) & policy.destination_port_mask) == 0 &&
         (policy.protocol == 0 || policy.protocol == packet.protocol);
}

}  // namespace

const IpsecPolicy* find_policy(const std::vector<IpsecPolicy>& policies,
                               IpsecPolicy::Direction direction, const Packet& packet,
                               std::uint32_t device, std::uint32_t mark) {
  const IpsecPolicy* found = nullptr;
  for (const IpsecPolicy& policy : policies) {
    if (policy.direction != direction || !selects(policy, packet)) continue;
    if (policy.device != 0 && policy.device != device) continue;
    if ((mark & policy.mark_mask) != policy.mark) continue;
    if (found == nullptr || policy.priority < found->priority) found = &policy;
  }
  return found;
}

}  // namespace core::packet
