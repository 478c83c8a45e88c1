// Whether a rule as the kernel shows it has the shape that libnftnl takes for granted: where an
// attribute has another size, it ends the process. What pona's own rules are made of is known here;
// another program's rule may hold anything, and is not for libnftnl to read.
#pragma once

#include "net/netlink/netlink.hpp"

namespace net {

// NFT_MSG_NEWRULE with known expressions only, each attribute of the size that its type has.
bool is_known_rule(const NetlinkMessage& message);

}  // namespace net
