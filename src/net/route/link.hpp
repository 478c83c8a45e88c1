// Network devices that pona makes: messages <-> values. They are known by their link group. Rule: a
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

// Empty unless it is about a device of our group.
std::optional<core::Link> decode_own_link(const NetlinkMessage& message);

Message encode_add_link(const core::Link& link);  // it is down
// Everything that may be changed in place: MTU, checksums, TTL.
Message encode_change_link(const core::Link& link, std::uint32_t index);

struct OwnLinks {
  std::map<std::string, core::Link> ours;
  std::set<core::Family> foreign_fou;  // somebody else has ipip or ip6tnl devices within UDP
};
OwnLinks read_own_links(RequestSocket& socket);

// Up and ready when they return well. What stopped half-way is completed by change_link.
Answer add_link(RequestSocket& socket, const core::Link& link);
Answer change_link(RequestSocket& socket, const core::Link& link);
Answer delete_link(RequestSocket& socket, const core::Link& link);  // gone is well

template <>
struct Codec<core::Link> {
  static void read(Reading& reading) {
    if (!reading.scope.links()) return;  // listing all of them costs
    OwnLinks links = read_own_links(reading.sockets.route);
    reading.state.links = std::move(links.ours);
    reading.foreign_fou = std::move(links.foreign_fou);
  }
  static Answer add(Sockets& sockets, const core::Link& link) {
    return add_link(sockets.route, link);
  }
  static Answer replace(Sockets& sockets, const core::Link& now) {
    return change_link(sockets.route, now);
  }
  static Answer remove(Sockets& sockets, const core::Link& link) {
    return delete_link(sockets.route, link);
  }
};

}  // namespace net
