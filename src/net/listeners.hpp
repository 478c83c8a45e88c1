// The sockets on which this network namespace listens (sock_diag(7)).
#pragma once

#include <optional>

#include "core/listener.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/netlink.hpp"

namespace net {

// Of the network namespace of the calling thread: what listens, and of UDP what is bound and not
// connected. A socket for all addresses of both families is there once for each. Throws core::Error
// where the kernel cannot tell, as one without its modules inet_diag, tcp_diag and udp_diag.
core::Listeners read_listeners();

// The sockets of one answer, added to `listeners`.
void decode_listener(const NetlinkMessage& message, core::Protocol protocol,
                     core::Listeners& listeners);

// The socket that the kernel finds for what comes from `remote` to `local`, as it does for packets:
// of a connection, or one that listens.
struct SocketOptions {
  bool transparent = false;
  bool wildcard = false;
  std::uint32_t mark = 0;
};
Message encode_find_socket(core::Protocol protocol, const core::Address& remote,
                           std::uint16_t remote_port, const core::Address& local,
                           std::uint16_t local_port, std::uint32_t device);
// Nothing: the kernel does not tell whether it is transparent (before 5.10).
std::optional<SocketOptions> decode_socket_options(const NetlinkMessage& message);

}  // namespace net
