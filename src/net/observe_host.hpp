// Interfaces, addresses and default routes of one network namespace as core::Host, by a handful of
// dumps. Not here: waiting for changes (events).
#pragma once

#include <optional>
#include <vector>

#include "core/host.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"
#include "net/route/route.hpp"

namespace net {

// RTM_NEWLINK, without addresses and routes. `up` is the administrative state: what routes need. A
// carrier that comes and goes is no reason to take anything down.
std::optional<core::Interface> decode_link(const NetlinkMessage& message);

struct InterfaceAddress {
  std::uint32_t device = 0;  // index
  core::Prefix prefix;       // our own address, with the length of its subnet

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};
// RTM_NEWADDR. Empty while duplicate address detection runs or has failed: nobody may use it then.
std::optional<InterfaceAddress> decode_address(const NetlinkMessage& message);

// `routes` as of read_main_routes(): they are the costly part on a router with many
// routes, so the caller decides when to read them.
core::Host read_host(RequestSocket& socket, const MainRoutes& routes);

}  // namespace net
