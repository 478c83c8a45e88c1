// Routes of the kernel's routing tables: messages <-> values, and a job's own routes, which are
// known by their protocol number and their table. Not here: what routes there should be. Rule: a
// route with another protocol is never changed.
#pragma once

#include <linux/rtnetlink.h>

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "core/state/scope.hpp"
#include "core/state/state.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"
#include "net/route/codec.hpp"

namespace net {

// One RTM_NEWROUTE of any kind, as far as anybody here wants to know.
struct KernelRoute {
  struct Hop {
    std::uint32_t device = 0;  // index; 0: none (a blackhole)
    std::optional<core::Address> gateway;

    friend bool operator==(const Hop&, const Hop&) = default;
  };

  std::uint32_t table = 0;
  std::uint8_t protocol = 0;
  core::Prefix destination;
  std::uint32_t metric = 0;
  std::vector<Hop> hops;  // more than one: multipath
  std::uint32_t mtu = 0;  // 0: the interface's
  std::uint8_t type = RTN_UNICAST;
  std::uint32_t nexthop = 0;  // id of the nexthop object that hops come from; 0: none
  std::optional<core::Encapsulation> encapsulation = {};  // of the only hop
  std::optional<core::Address> source = {};               // RTA_PREFSRC

  friend bool operator==(const KernelRoute&, const KernelRoute&) = default;
};

// Empty for other families, cached entries and messages that make no sense.
std::optional<KernelRoute> decode_route(const NetlinkMessage& message);

// A request about a route of ours; `device` is the index of route.device, 0 where it has none.
Message encode_add_route(const core::Route& route, std::uint32_t device);
Message encode_replace_route(const core::Route& route, std::uint32_t device);
Message encode_delete_route(const core::Route& route, std::uint32_t device);

// Those of `table` (0: of all) that the protocol made (0: any). Filtered by kernels from 4.20 on.
Message encode_dump_routes(core::Family family, std::uint32_t table, std::uint8_t protocol);

// Those of the scope.
std::set<core::Route> read_routes(RequestSocket& socket, const core::Scope& scope);

// What the host's description takes from table main.
struct MainRoutes {
  std::vector<KernelRoute> defaults;  // best metric first
  std::uint32_t smallest_mtu = 0;     // that any route names; 0: none does
  std::vector<KernelRoute> others;    // by the devices that are followed, best metric first
  bool too_many = false;              // more than core::most_main_routes: `others` is empty
};
// `followed`: indices of devices.
MainRoutes read_main_routes(RequestSocket& socket, const std::set<std::uint32_t>& followed = {});

// Both converge: what is there already, or gone already, is a success.
Answer add_route(RequestSocket& socket, const core::Route& route);
Answer replace_route(RequestSocket& socket, const core::Route& route);
Answer delete_route(RequestSocket& socket, const core::Route& route);

template <>
struct Codec<core::Route> {
  static void read(Reading& reading) {
    reading.state.routes = read_routes(reading.sockets.route, reading.scope);
  }
  static Answer add(Sockets& sockets, const core::Route& route) {
    return add_route(sockets.route, route);
  }
  static Answer replace(Sockets& sockets, const core::Route& now) {
    return replace_route(sockets.route, now);
  }
  static Answer remove(Sockets& sockets, const core::Route& route) {
    return delete_route(sockets.route, route);
  }
};

}  // namespace net
