// What connection tracking tells of entries that come, change and go. Pure. Of connections that
// pona carries net/conntrack knows; this is about any.
#pragma once

#include <optional>

#include "core/packet/observation.hpp"
#include "net/netlink/netlink.hpp"

namespace net::probe {

// Without place and time. Nothing for other messages, and for what makes no sense.
std::optional<core::packet::ConnectionEvent> decode_connection_event(const NetlinkMessage& message);

// Asks for the entry that has this tuple in one of its directions, in no zone. Of echoes it is that
// of the request.
NetlinkWriter connection_request(const core::packet::FlowTuple& tuple, std::uint32_t sequence);

}  // namespace net::probe
