#include "net/route/encapsulation.hpp"

#include <linux/if_tunnel.h>
#include <linux/lwtunnel.h>

namespace net {

// The attributes of ip and ip6 have the same numbers.
static_assert(static_cast<int>(LWTUNNEL_IP_ID) == static_cast<int>(LWTUNNEL_IP6_ID) &&
              static_cast<int>(LWTUNNEL_IP_DST) == static_cast<int>(LWTUNNEL_IP6_DST) &&
              static_cast<int>(LWTUNNEL_IP_FLAGS) == static_cast<int>(LWTUNNEL_IP6_FLAGS));

void put_encapsulation(nl_msg& message, int type, int encap,
                       const core::Encapsulation& encapsulation) {
  const bool ipv4 = encapsulation.remote.family() == core::Family::ipv4;
  put_u16(message, type, ipv4 ? LWTUNNEL_ENCAP_IP : LWTUNNEL_ENCAP_IP6);
  put_nest(message, encap, [&] {
    put_be64(message, LWTUNNEL_IP_ID, encapsulation.id);
    put(message, LWTUNNEL_IP_DST, encapsulation.remote.bytes());
    // TUNNEL_CSUM: who receives over IPv6 refuses what has no checksum.
    put_be16(message, LWTUNNEL_IP_FLAGS, 0x01);
  });
}

std::optional<core::Encapsulation> read_encapsulation(const Attributes& attributes,
                                                      std::size_t type, std::size_t encap) {
  const int kind = attributes.u16(type).value_or(LWTUNNEL_ENCAP_NONE);
  if (kind != LWTUNNEL_ENCAP_IP && kind != LWTUNNEL_ENCAP_IP6) return std::nullopt;
  const Attributes inside(attributes[encap]);
  const auto remote = inside.address(LWTUNNEL_IP_DST);
  if (!remote) return std::nullopt;
  return core::Encapsulation{static_cast<std::uint32_t>(inside.be64(LWTUNNEL_IP_ID).value_or(0)),
                             *remote};
}

}  // namespace net
