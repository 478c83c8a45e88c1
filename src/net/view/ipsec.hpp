// The IPsec policies of a network namespace (linux/xfrm.h), with a look at whether there are
// security associations for them. Not here: keys, which are never read.
#pragma once

#include <optional>
#include <vector>

#include "core/packet/walk/ipsec.hpp"
#include "net/netlink/message.hpp"

namespace net::view {

// Of the namespace of the calling thread; none where the kernel knows no IPsec. Throws core::Error
// where it may not be asked.
std::vector<core::packet::IpsecPolicy> read_ipsec();

// XFRM_MSG_NEWPOLICY; nothing for those of sockets, and of interfaces of type xfrm, which are
// tunnels of their own.
std::optional<core::packet::IpsecPolicy> decode_policy(const NetlinkMessage& message);

}  // namespace net::view
