#include "net/probe/watched_flow.hpp"

#include <algorithm>

namespace net::probe {
namespace {

using core::packet::Cookie;
using core::packet::Packet;

bool is_any_icmp(std::uint8_t protocol) {
  return protocol == core::packet::icmp || protocol == core::packet::icmpv6;
}

std::uint32_t be_word(std::span<const std::uint8_t> bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

// Bytes behind the transport header, by the IP header's length field: the payload may be cut off.
std::size_t data_size(const Packet& packet, core::packet::ByteView whole) {
  const bool ipv4 = packet.family == core::Family::ipv4;
  const std::size_t at = ipv4 ? 2 : 4;
  if (whole.size() < at + 2) return 0;
  const std::size_t said = (std::size_t{whole[at]} << 8 | whole[at + 1]) + (ipv4 ? 0U : 40U);
  // The data offset of TCP also counts options that are not kept.
  const std::size_t header = core::packet::network_header_size(packet);
  if (whole.size() < header + 13) return 0;
  const std::size_t headers = header + (whole[header + 12] >> 4) * std::size_t{4};
  return said > headers ? said - headers : 0;
}

}  // namespace

bool fits(const WatchedFlow& flow, const Packet& packet) {
  if (packet.protocol != flow.protocol || packet.destination != flow.destination) return false;
  if (flow.source && packet.source != *flow.source) return false;
  if (is_any_icmp(flow.protocol)) return true;
  return packet.destination_port == flow.port &&
         (!flow.source_port || packet.source_port == *flow.source_port);
}

std::optional<Cookie> cookie_of(const Packet& packet, core::packet::ByteView whole) {
  Cookie cookie;
  cookie.protocol = packet.protocol;
  cookie.id = packet.id;
  if (packet.protocol == core::packet::tcp) {
    const bool begins = (packet.tcp_flags & core::packet::syn) != 0;
    const std::size_t data = data_size(packet, whole);
    if (!begins && data == 0) return std::nullopt;
    cookie.sequence = packet.sequence;
    cookie.length = begins ? 1 : static_cast<std::uint32_t>(data);
    return cookie;
  }
  if (packet.payload.size() < cookie.payload.size()) return std::nullopt;
  if (packet.protocol == core::packet::sctp) {
    constexpr std::uint8_t init_chunk = 1;
    if (packet.payload[0] != init_chunk) return std::nullopt;
    cookie.sequence = be_word(std::span(packet.payload).subspan(4));
    return cookie;
  }
  std::copy_n(packet.payload.begin(), cookie.payload.size(), cookie.payload.begin());
  return cookie;
}

namespace {

// The last words of addresses, and the ports behind them, in headers without options; and the
// identification of a packet that an ICMP error of IPv4 quotes.
constexpr std::uint32_t source4 = 12, destination4 = 16, source_port4 = 20, destination_port4 = 22;
constexpr std::uint32_t source6 = 20, destination6 = 36, source_port6 = 40, destination_port6 = 42;
constexpr std::uint32_t quoted_id = 32;

}  // namespace

std::vector<Needle> needles_of(const Cookie& cookie) {
  if (cookie.protocol == core::packet::tcp) {
    return {{cookie.sequence}, {cookie.sequence + cookie.length}};
  }
  if (cookie.protocol == core::packet::sctp) return {{cookie.sequence}};
  // An error may quote too little: then the IP id tells, with or without "don't fragment".
  constexpr std::uint32_t dont_fragment = 0x4000;
  const std::uint32_t id = std::uint32_t{cookie.id} << 16;
  std::vector<Needle> needles = {
      {be_word(cookie.payload)}, {id | dont_fragment, quoted_id}, {id, quoted_id}};
  if (cookie.port != 0) {
    needles.push_back({cookie.address, destination4, destination_port4, cookie.port});
    needles.push_back({cookie.address, destination6, destination_port6, cookie.port});
  }
  return needles;
}

std::vector<Needle> needles_of(const std::vector<WatchedFlow>& flows) {
  std::vector<Needle> needles;
  for (const WatchedFlow& flow : flows) {
    const bool ipv4 = flow.destination.family() == core::Family::ipv4;
    const std::uint32_t word = be_word(flow.destination.bytes().last(4));
    const bool ports = !is_any_icmp(flow.protocol);
    // A request's destination, an answer's source.
    Needle request{word, ipv4 ? destination4 : destination6};
    Needle answer{word, ipv4 ? source4 : source6};
    if (ports) {
      request.port_at = ipv4 ? destination_port4 : destination_port6;
      answer.port_at = ipv4 ? source_port4 : source_port6;
      request.port = answer.port = flow.port;
    }
    needles.push_back(request);
    needles.push_back(answer);
  }
  return needles;
}

}  // namespace net::probe
