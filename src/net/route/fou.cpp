#include "net/route/fou.hpp"

#include <linux/fou.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

namespace net {
namespace {

constexpr std::uint8_t fou_version = FOU_GENL_VERSION;

std::uint8_t inner_protocol(core::Family family) {
  return family == core::Family::ipv4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

std::uint16_t find_family(RequestSocket& socket) {
  genlmsghdr header{};
  header.cmd = CTRL_CMD_GETFAMILY;
  header.version = 1;
  const Message request = make_message(GENL_ID_CTRL, 0, header);
  put_text(*request, CTRL_ATTR_FAMILY_NAME, FOU_GENL_NAME);
  std::uint16_t family = 0;
  const Answer answer = socket.get(*request, [&](const NetlinkMessage& message) {
    family = Attributes(message, sizeof(genlmsghdr)).u16(CTRL_ATTR_FAMILY_ID).value_or(0);
  });
  return answer.ok() ? family : 0;
}

Message empty(std::uint16_t fou, std::uint8_t command) {
  genlmsghdr header{};
  header.cmd = command;
  header.version = fou_version;
  return make_message(fou, 0, header);
}

Answer no_fou() {
  return {ENOENT,
          "the kernel has no FoU: modprobe fou fou6 on the node, or choose encapsulation "
          "VXLAN"};
}

}  // namespace

std::optional<core::FouPort> decode_fou_port(const NetlinkMessage& message) {
  const Attributes attributes(message, sizeof(genlmsghdr));
  const auto family = parse_address_family(attributes.u8(FOU_ATTR_AF).value_or(0));
  const auto port = attributes.be16(FOU_ATTR_PORT);
  if (!family || !port || attributes.u8(FOU_ATTR_TYPE) != FOU_ENCAP_DIRECT ||
      attributes.u8(FOU_ATTR_IPPROTO) != inner_protocol(*family)) {
    return std::nullopt;
  }
  return core::FouPort{*family, *port};
}

Message encode_fou_port(std::uint16_t fou, const core::FouPort& port, bool add) {
  Message message = empty(fou, add ? FOU_CMD_ADD : FOU_CMD_DEL);
  put_be16(*message, FOU_ATTR_PORT, port.port);
  put_u8(*message, FOU_ATTR_AF, address_family(port.family));
  if (add) {
    put_u8(*message, FOU_ATTR_IPPROTO, inner_protocol(port.family));
    put_u8(*message, FOU_ATTR_TYPE, FOU_ENCAP_DIRECT);
  }
  return message;
}

Fou::Fou() : socket_(NETLINK_GENERIC), family_(find_family(socket_)) {}

std::set<core::FouPort> Fou::read() {
  std::set<core::FouPort> ports;
  if (!available()) return ports;
  const Answer answer =
      socket_.stream(*empty(family_, FOU_CMD_GET), [&](const NetlinkMessage& message) {
        if (const auto port = decode_fou_port(message)) ports.insert(*port);
      });
  if (!answer.ok()) {
    throw core::Error(kind_of(answer.error), "cannot list FoU ports: " + to_string(answer));
  }
  return ports;
}

Answer Fou::add(const core::FouPort& port) {
  if (!available()) return no_fou();
  Answer answer = socket_.request(*encode_fou_port(family_, port, true));
  // In use: by one of the same shape, which is as good as ours, or by somebody else.
  if ((answer.error == EALREADY || answer.error == EADDRINUSE) && read().contains(port)) return {};
  return answer;
}

Answer Fou::remove(const core::FouPort& port) {
  if (!available()) return {};
  const Answer answer = socket_.request(*encode_fou_port(family_, port, false));
  return answer.error == EINVAL || answer.error == ENOENT ? Answer{} : answer;
}

// A port has no owner, and others may receive FoU of the same shape. Ours is what is asked for, and
// what our tunnels use where nobody else's can.
void Codec<core::FouPort>::read(Reading& reading) {
  if (!reading.scope.links()) return;
  core::State& state = reading.state;
  const auto used = [&](const core::FouPort& port) {
    return !reading.foreign_fou.contains(port.family) &&
           std::ranges::any_of(state.links, [&](const auto& entry) {
             const auto* const tunnel = std::get_if<core::FouTunnel>(&entry.second.body);
             const auto* const sink = std::get_if<core::FouSink>(&entry.second.body);
             return (tunnel != nullptr && tunnel->family() == port.family &&
                     tunnel->port == port.port) ||
                    (sink != nullptr && sink->family == port.family);
           });
  };
  const bool any = std::ranges::any_of(state.links, [](const auto& entry) {
    return std::holds_alternative<core::FouTunnel>(entry.second.body) ||
           std::holds_alternative<core::FouSink>(entry.second.body);
  });
  if (reading.expected.fou_ports.empty() && !any) return;
  for (const core::FouPort& port : reading.sockets.fou().read()) {
    if (reading.expected.fou_ports.contains(port) || used(port)) state.fou_ports.insert(port);
  }
}

}  // namespace net
