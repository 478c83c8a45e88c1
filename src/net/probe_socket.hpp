// UDP sockets for probes, of one address family and one network namespace. Never blocks.
#pragma once

#include <cstdint>
#include <optional>

#include "core/egress/probe_packet.hpp"
#include "core/ip.hpp"
#include "os/fd.hpp"

namespace cmd {

class ProbeSocket {
 public:
  // A NAT pod's: on `port`, or 0 for an agent's in a client's namespace, whose packets then carry
  // constants::peer_mark, so that they go through the tunnel to the peer. In the network namespace
  // of the calling thread; may be used by any. Throws core::Error.
  ProbeSocket(core::Family family, std::uint16_t port);

  [[nodiscard]] int fd() const { return fd_.get(); }

  struct Received {
    Probe probe;
    core::Address from;
    std::uint16_t port = 0;
    core::Address to;             // our address that it was sent to
    std::uint32_t interface = 0;  // index of the one that it came in by
  };
  // The next probe that waits; what is none is passed over.
  std::optional<Received> receive();

  // From `source` if there is one; `marked` with constants::peer_mark, which leads through the
  // tunnel to the peer. False: the kernel refused it.
  bool send(const Probe& probe, const core::Address& to, std::uint16_t port,
            const core::Address* source, bool marked);

 private:
  core::Family family_;
  os::Fd fd_;
};

}  // namespace cmd
