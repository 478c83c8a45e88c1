// What connection tracking tells of entries that come, change and go. Pure. Of connections that
// pona carries net/conntrack knows; this is about any.
#pragma once

#include <optional>

#include "core/packet/observation.hpp"
#include "net/netlink/netlink.hpp"

namespace net::probe {

// Without place and time. Nothing for other messages, and for what makes no sense.
std::optional<core::packet::ConnectionEvent> decode_connection_event(const NetlinkMessage& message);

}  // namespace net::probe
