// A flow of real traffic whose next packet is to be followed, instead of a probe: what tells it
// from other packets before its cookie is known, and the cookie that it turns out to have. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/packet/cookie.hpp"
#include "core/packet/packet.hpp"
#include "net/probe/arm.hpp"

namespace net::probe {

// One destination and its port; as translated somewhere it is another flow. Of ICMP without ports.
struct WatchedFlow {
  std::uint8_t protocol = core::packet::tcp;
  core::Address destination;
  std::uint16_t port = 0;
  std::optional<core::Address> source;  // empty: any
  std::optional<std::uint16_t> source_port;

  friend bool operator==(const WatchedFlow&, const WatchedFlow&) = default;
};
// More in one trace make the filters of packet sockets too long.
inline constexpr std::size_t most_flows = 4;

[[nodiscard]] bool fits(const WatchedFlow& flow, const core::packet::Packet& packet);

// What tells this packet from its flow's others; nothing where that cannot be told, as of an
// acknowledgement without data. `whole`: from the IP header on, may be cut off.
std::optional<core::packet::Cookie> cookie_of(const core::packet::Packet& packet,
                                              core::packet::ByteView whole);

// Both directions, each limited to some packets in a second.
std::vector<Pattern> patterns_of(const std::vector<WatchedFlow>& flows,
                                 const std::vector<Tunnel>& tunnels);

// What a packet of interest has: a word, and perhaps a port.
struct Needle {
  std::uint32_t word = 0;
  // Where it stands behind the beginning of an IP header, of the packet or of one in a tunnel; 0:
  // at any even offset behind addresses.
  std::uint32_t at = 0;
  // Likewise of the port, which counts as well; 0: none does.
  std::uint32_t port_at = 0;
  std::uint16_t port = 0;
};
std::vector<Needle> needles_of(const core::packet::Cookie& cookie);
std::vector<Needle> needles_of(const std::vector<WatchedFlow>& flows);

}  // namespace net::probe
