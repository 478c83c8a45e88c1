// Nexthop objects and resilient groups of them (nexthop.h, Linux 5.13): messages <-> values, and
// pona's own, which are known by their protocol number. Rule: others are never changed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "core/state/state.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"
#include "net/route/codec.hpp"

namespace net {

// Empty unless the message is about one of ours.
std::optional<core::Nexthop> decode_nexthop(const NetlinkMessage& message);

// `device` is the index of nexthop.device, 0 for a group.
Message encode_add_nexthop(const core::Nexthop& nexthop, std::uint32_t device, bool replace);
Message encode_delete_nexthop(std::uint32_t id);

// None where the kernel has no nexthop objects.
std::map<std::uint32_t, core::Nexthop> read_nexthops(RequestSocket& socket);

// Adding what is there replaces it; deleting what is gone is a success.
Answer put_nexthop(RequestSocket& socket, const core::Nexthop& nexthop);
Answer delete_nexthop(RequestSocket& socket, const core::Nexthop& nexthop);

template <>
struct Codec<core::Nexthop> {
  static void read(Reading& reading) {
    if (!reading.scope.links()) return;
    reading.state.nexthops = read_nexthops(reading.sockets.route);
  }
  static Answer add(Sockets& sockets, const core::Nexthop& nexthop) {
    return put_nexthop(sockets.route, nexthop);
  }
  static Answer replace(Sockets& sockets, const core::Nexthop& now) {
    return put_nexthop(sockets.route, now);
  }
  static Answer remove(Sockets& sockets, const core::Nexthop& nexthop) {
    return delete_nexthop(sockets.route, nexthop);
  }
};

}  // namespace net
