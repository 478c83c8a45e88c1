// Tunnel devices: messages <-> values, and pona's own, which are known by their link group. Rule: a
// device outside the group is never changed, whatever its name is.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/state/state.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"
#include "net/route/codec.hpp"

namespace net {

// Empty unless it is about a device of our group and of a kind that pona makes; one that is of the
// group and of no such kind comes back without a port, which is no tunnel that anybody wants.
std::optional<core::Tunnel> decode_tunnel(const NetlinkMessage& message);

Message encode_add_tunnel(const core::Tunnel& tunnel);  // it is down
// Everything that may be changed in place: MTU, checksums, TTL.
Message encode_change_tunnel(const core::Tunnel& tunnel, std::uint32_t index);

struct Tunnels {
  std::map<std::string, core::Tunnel> ours;
  std::set<core::Family> foreign_fou;  // somebody else has ipip or ip6tnl devices within UDP
};
Tunnels read_tunnels(RequestSocket& socket);

// Up and ready when they return well. What stopped half-way is completed by change_tunnel.
Answer add_tunnel(RequestSocket& socket, const core::Tunnel& tunnel);
Answer change_tunnel(RequestSocket& socket, const core::Tunnel& tunnel);
Answer delete_tunnel(RequestSocket& socket, const core::Tunnel& tunnel);  // gone is well

template <>
struct Codec<core::Tunnel> {
  static void read(Reading& reading) {
    if (!reading.scope.tunnels()) return;  // listing all links costs
    Tunnels tunnels = read_tunnels(reading.sockets.route);
    reading.state.tunnels = std::move(tunnels.ours);
    reading.foreign_fou = std::move(tunnels.foreign_fou);
  }
  static Answer add(Sockets& sockets, const core::Tunnel& tunnel) {
    return add_tunnel(sockets.route, tunnel);
  }
  static Answer replace(Sockets& sockets, const core::Tunnel& now) {
    return change_tunnel(sockets.route, now);
  }
  static Answer remove(Sockets& sockets, const core::Tunnel& tunnel) {
    return delete_tunnel(sockets.route, tunnel);
  }
};

}  // namespace net
