// The matches and targets of x_tables, as they stand in legacy iptables' entries and, by
// iptables-nft, in rules of nf_tables. Pure. Rule: what is not known here may match or not.
#pragma once

#include <optional>
#include <string_view>

#include "net/foreign/packet.hpp"
#include "net/netlink/netlink.hpp"

namespace net::foreign {

Tri xt_match(std::string_view name, unsigned revision, ByteView info, const Packet& packet);

enum class XtTarget : std::uint8_t { goes_on, drops, translates, unknown };
// Other than the standard target, which holds a verdict.
XtTarget xt_target(std::string_view name);

}  // namespace net::foreign
