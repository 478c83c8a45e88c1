// The sockets on which this network namespace listens (sock_diag(7)).
#pragma once

#include "core/listener.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

// Of the network namespace of the calling thread: what listens, and of UDP what is bound and not
// connected. A socket for all addresses of both families is there once for each. Throws core::Error
// where the kernel cannot tell, as one without its modules inet_diag, tcp_diag and udp_diag.
core::Listeners read_listeners();

// The sockets of one answer, added to `listeners`.
void decode_listener(const NetlinkMessage& message, core::Protocol protocol,
                     core::Listeners& listeners);

}  // namespace net
