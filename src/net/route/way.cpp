#include "net/route/way.hpp"

#include <linux/rtnetlink.h>

#include "net/netlink/message.hpp"

namespace net {

std::optional<std::uint32_t> device_towards(RequestSocket& socket, const core::Address& to) {
  rtmsg header{};
  header.rtm_family = address_family(to.family());
  header.rtm_dst_len = static_cast<std::uint8_t>(8 * to.size());
  const Message request = make_message(RTM_GETROUTE, 0, header);
  put(*request, RTA_DST, to.bytes());
  std::optional<std::uint32_t> device;
  const Answer answer = socket.get(*request, [&](const NetlinkMessage& message) {
    const auto route = header_in<rtmsg>(message);
    if (message.type != RTM_NEWROUTE || !route || route->rtm_type != RTN_UNICAST) return;
    device = Attributes(message, sizeof *route).u32(RTA_OIF);
  });
  return answer.ok() ? device : std::nullopt;
}

}  // namespace net
