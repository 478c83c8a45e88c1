// Links, addresses, routes, rules, neighbours and tracked connections as the model asks for them:
// messages to values, pure. Not here: what pona itself owns of these (net/route).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/packet/context.hpp"
#include "core/packet/walk/network.hpp"
#include "core/packet/walk/route_table.hpp"
#include "net/netlink/message.hpp"

namespace net::view {

// RTM_NEWLINK, without addresses.
std::optional<core::packet::Link> decode_link(const NetlinkMessage& message);

struct AddressOfLink {
  std::uint32_t link = 0;
  core::packet::LinkAddress address;
};
std::optional<AddressOfLink> decode_address(const NetlinkMessage& message);

struct NeighbourOf {
  std::uint32_t link = 0;
  core::Address address;
  core::packet::Neighbour neighbour;
};
std::optional<NeighbourOf> decode_neighbour(const NetlinkMessage& message);

// RTM_NEWROUTE; the text has the numbers of devices in place of their names, as "dev #3".
std::optional<core::packet::ListedRoute> decode_route(const NetlinkMessage& message);
// Of an answer to RTM_GETROUTE, with a tunnel's other end (`encap ip`).
// A next hop object (`ip nexthop`), or a group of them with their weights.
struct NextHopObject {
  std::uint32_t id = 0;
  core::packet::NextHop hop;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> group;  // ids and weights
};
std::optional<NextHopObject> decode_next_hop(const NetlinkMessage& message);
std::optional<core::packet::RouteAnswer> decode_route_answer(const NetlinkMessage& message);
std::optional<core::packet::ListedRule> decode_rule(const NetlinkMessage& message);

// IPCTNL_MSG_CT_NEW.
std::optional<core::packet::Connection> decode_connection(const NetlinkMessage& message);
// A request for the entry one of whose directions is `tuple`. Nothing for protocols of which
// entries are not found by ports or identifiers.
Message encode_get_connection(const core::packet::FlowTuple& tuple);

}  // namespace net::view
