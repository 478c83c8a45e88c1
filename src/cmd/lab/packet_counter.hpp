// Counts the packets that arrive in a network namespace, by who sent them: what a server that
// answers would not tell. A packet socket (packet(7)), so it sees them before any rule can drop
// them.
#pragma once

#include <cstddef>
#include <map>
#include <span>

#include "core/ip.hpp"
#include "net/netns.hpp"
#include "os/fd.hpp"

namespace cmd {

class PacketWatch {
 public:
  // Counts from here on. Throws core::Error.
  explicit PacketWatch(const net::Namespace& where);

  // IPv4 and IPv6 packets so far. Throws core::Error if there were more than could be kept: call it
  // now and then.
  const std::map<core::Address, std::size_t>& counts();
  // Of all these senders.
  std::size_t from(std::span<const core::Address> senders);

 private:
  os::Fd fd_;
  std::map<core::Address, std::size_t> counts_;
};

}  // namespace cmd
