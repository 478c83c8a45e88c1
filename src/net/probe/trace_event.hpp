// NFT_MSG_TRACE as a value. Pure. libnftnl is not used: it leaves out what newer kernels tell of
// connection tracking.
#pragma once

#include <optional>

#include "core/packet/observation.hpp"
#include "net/netlink/netlink.hpp"

namespace net::probe {

// Without place, time and names of interfaces. Nothing for other messages, and for what makes no
// sense.
std::optional<core::packet::TraceEvent> decode_trace_event(const NetlinkMessage& message);

}  // namespace net::probe
