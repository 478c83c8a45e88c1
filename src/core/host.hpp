// What the planner needs to know of the host: interfaces, addresses, default routes. Observed by
// net/host, never changed through this type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/ip.hpp"

namespace core {

// A route of table main by one interface.
struct MainRoute {
  Prefix destination;
  std::optional<Address> gateway;  // empty: on link

  friend bool operator==(const MainRoute&, const MainRoute&) = default;
};
// With more by the interfaces that are followed, none is told: who has so many runs a routing
// daemon, and to follow each of its changes costs more than it serves.
inline constexpr std::size_t most_main_routes = 10000;

struct Interface {
  std::string name;
  std::uint32_t index = 0;
  std::uint32_t mtu = 0;
  bool up = false;
  std::vector<Prefix>
      addresses;  // in the kernel's order, link-local ones too; length of the subnet
  // Next hops of default routes in table main through this interface, best metric first.
  std::optional<Address> gateway4;
  std::optional<Address> gateway6;
  bool default4 = false;  // it has a default route in main, with or without next hop
  bool default6 = false;
  bool point_to_point = false;  // whatever is sent out by it arrives at its one peer
  // Of an interface that is followed (net::Kernel::follow_routes), other than default routes; the
  // best metric first where a destination has several.
  std::vector<MainRoute> routes;
  int rp_filter = 0;  // net.ipv4.conf.NAME.rp_filter

  friend bool operator==(const Interface&, const Interface&) = default;
};

struct Host {
  std::map<std::string, Interface> interfaces;  // by name
  int rp_filter_all = 0;     // net.ipv4.conf.all.rp_filter; the kernel takes the larger of the two
  bool forwarding4 = false;  // net.ipv4.ip_forward
  bool forwarding6 = false;  // net.ipv6.conf.all.forwarding
  // The smallest mtu that a route in table main names; 0: none does.
  std::uint32_t route_mtu = 0;
  bool too_many_routes = false;  // more than most_main_routes: Interface::routes are empty
  bool ipv6 = true;              // the kernel has IPv6 and it is not disabled

  friend bool operator==(const Host&, const Host&) = default;

  [[nodiscard]] bool is_local(const Address& address) const;
};

}  // namespace core
