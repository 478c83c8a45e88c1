#include <algorithm>
#include <utility>

#include "core/packet/extension_headers.hpp"
#include "core/packet/packet.hpp"

namespace core::packet {
namespace {

std::uint16_t get16(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
std::uint32_t get32(ByteView bytes, std::size_t at) {
  return static_cast<std::uint32_t>(get16(bytes, at)) << 16 | get16(bytes, at + 2);
}
Bytes copy_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// What follows the header, without what the link appended; nothing where it is none.
std::optional<ByteView> parse_ipv4(ByteView bytes, Packet& packet) {
  if (bytes.size() < 20) return std::nullopt;
  const std::size_t header = (bytes[0] & 0xf) * std::size_t{4};
  const std::size_t size = get16(bytes, 2);
  if (header < 20 || header > bytes.size() || size < header) return std::nullopt;
  packet.family = Family::ipv4;
  packet.tos = bytes[1];
  packet.id = get16(bytes, 4);
  const std::uint16_t fragment = get16(bytes, 6);
  packet.dont_fragment = (fragment & 0x4000) != 0;
  packet.more_fragments = (fragment & 0x2000) != 0;
  packet.fragment_offset = fragment & 0x1fff;
  packet.ttl = bytes[8];
  packet.protocol = bytes[9];
  packet.source = Address(bytes.subspan(12, 4));
  packet.destination = Address(bytes.subspan(16, 4));
  packet.options = copy_of(bytes.subspan(20, header - 20));
  return bytes.subspan(header, std::min(size, bytes.size()) - header);
}

std::optional<ByteView> parse_ipv6(ByteView bytes, Packet& packet) {
  if (bytes.size() < 40) return std::nullopt;
  packet.family = Family::ipv6;
  const std::uint32_t first = get32(bytes, 0);
  packet.tos = static_cast<std::uint8_t>(first >> 20 & 0xff);
  packet.flow_label = first & 0xfffff;
  packet.dont_fragment = true;
  packet.ttl = bytes[7];
  packet.source = Address(bytes.subspan(8, 16));
  packet.destination = Address(bytes.subspan(24, 16));
  std::uint8_t next = bytes[6];
  ByteView rest = bytes.subspan(40);
  const std::size_t size = get16(bytes, 4);
  const bool jumbogram = size == 0 && next == hop_by_hop;
  if (!jumbogram) rest = rest.first(std::min(size, rest.size()));
  bool fragmented = false;
  while (is_extension_header(next) && packet.fragment_offset == 0) {
    const auto header = extension_header_size(next, rest);
    if (!header) return std::nullopt;
    if (next == fragment_header) {
      // Nobody makes fragments of fragments.
      if (std::exchange(fragmented, true)) return std::nullopt;
      packet.fragment_offset = static_cast<std::uint16_t>(get16(rest, 2) >> 3);
      packet.more_fragments = (rest[3] & 1) != 0;
    }
    const std::size_t at = packet.options.size();
    packet.options.insert(packet.options.end(), rest.begin(),
                          rest.begin() + static_cast<std::ptrdiff_t>(*header));
    if (next == fragment_header) packet.options[at + 2] = packet.options[at + 3] = 0;
    next = std::exchange(packet.options[at], next);
    rest = rest.subspan(*header);
  }
  packet.protocol = next;
  return rest;
}

void parse_tcp_options(ByteView options, Packet& packet) {
  for (std::size_t at = 0; at < options.size();) {
    const std::uint8_t kind = options[at];
    if (kind == 0) return;
    if (kind == 1) {
      ++at;
      continue;
    }
    if (at + 1 >= options.size() || options[at + 1] < 2) return;
    const std::size_t length = options[at + 1];
    if (kind == 2 && length == 4 && at + 4 <= options.size()) packet.mss = get16(options, at + 2);
    at += length;
  }
}

// Bytes of the header; nothing where too little of it is there.
std::optional<std::size_t> parse_tcp(ByteView bytes, Packet& packet) {
  if (bytes.size() < 8) return std::nullopt;
  packet.sequence = get32(bytes, 4);
  if (bytes.size() < 20) return bytes.size();
  packet.acknowledgement = get32(bytes, 8);
  packet.tcp_flags = bytes[13];
  packet.window = get16(bytes, 14);
  const std::size_t size =
      std::clamp<std::size_t>((bytes[12] >> 4) * std::size_t{4}, 20, bytes.size());
  parse_tcp_options(bytes.subspan(20, size - 20), packet);
  return size;
}

std::optional<std::size_t> parse_transport(ByteView bytes, Packet& packet) {
  if (packet.has_ports()) {
    if (bytes.size() < 4) return std::nullopt;
    packet.source_port = get16(bytes, 0);
    packet.destination_port = get16(bytes, 2);
  }
  switch (packet.protocol) {
    case tcp:
      return parse_tcp(bytes, packet);
    case sctp:
      if (bytes.size() < 8) return std::nullopt;
      packet.sequence = get32(bytes, 4);
      return std::min<std::size_t>(bytes.size(), 12);
    case icmp:
    case icmpv6:
      if (bytes.size() < 8) return std::nullopt;
      packet.icmp_type = bytes[0];
      packet.icmp_code = bytes[1];
      packet.icmp_id = get16(bytes, 4);
      packet.icmp_sequence = get16(bytes, 6);
      return 8;
    default: {
      const std::size_t size = transport_header_size(packet);
      return size <= bytes.size() ? std::optional(size) : std::nullopt;
    }
  }
}

}  // namespace

std::optional<Packet> parse_packet(ByteView bytes) {
  if (bytes.empty()) return std::nullopt;
  Packet packet;
  const std::uint8_t version = bytes[0] >> 4;
  const auto rest = version == 4   ? parse_ipv4(bytes, packet)
                    : version == 6 ? parse_ipv6(bytes, packet)
                                   : std::nullopt;
  if (!rest) return std::nullopt;
  std::size_t header = 0;
  if (packet.fragment_offset == 0) {
    const auto size = parse_transport(*rest, packet);
    if (!size) return std::nullopt;
    header = *size;
  }
  packet.payload = copy_of(rest->subspan(header));
  return packet;
}

}  // namespace core::packet
