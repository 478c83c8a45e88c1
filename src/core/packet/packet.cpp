#include "core/packet/packet.hpp"

#include <algorithm>

#include "core/packet/checksum.hpp"
#include "core/packet/extension_headers.hpp"

namespace core::packet {
namespace {

void put16(Bytes& bytes, std::size_t at, std::uint32_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8 & 0xff);
  bytes[at + 1] = static_cast<std::uint8_t>(value & 0xff);
}
void put32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  put16(bytes, at, value >> 16);
  put16(bytes, at + 2, value & 0xffff);
}
void append(Bytes& bytes, ByteView more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

bool needs_fragment_header(const Packet& packet) {
  return packet.family == Family::ipv6 && (packet.fragment_offset != 0 || packet.more_fragments) &&
         !find_extension_header(packet.options, fragment_header);
}

Bytes ipv4_header(const Packet& packet, std::size_t size) {
  const std::size_t header = network_header_size(packet);
  Bytes bytes(header, 0);
  bytes[0] = static_cast<std::uint8_t>(0x40 | (header / 4 & 0xf));
  bytes[1] = packet.tos;
  put16(bytes, 2, static_cast<std::uint32_t>(size & 0xffff));
  put16(bytes, 4, packet.id);
  put16(bytes, 6,
        (packet.dont_fragment ? 0x4000U : 0U) | (packet.more_fragments ? 0x2000U : 0U) |
            (packet.fragment_offset & 0x1fffU));
  bytes[8] = packet.ttl;
  bytes[9] = packet.protocol;
  std::copy(packet.source.bytes().begin(), packet.source.bytes().end(), bytes.begin() + 12);
  std::copy(packet.destination.bytes().begin(), packet.destination.bytes().end(),
            bytes.begin() + 16);
  const std::size_t options = std::min(packet.options.size(), header - 20);
  std::copy_n(packet.options.begin(), options, bytes.begin() + 20);
  put16(bytes, 10, internet_checksum(bytes));
  return bytes;
}

// On the wire each header says what the next one is.
std::uint8_t chain_extension_headers(const Packet& packet, Bytes& headers) {
  headers = packet.options;
  if (needs_fragment_header(packet)) {
    headers.insert(headers.end(), {fragment_header, 0, 0, 0, 0, 0, 0, 0});
    put16(headers, headers.size() - 2, packet.id);
  }
  if (headers.empty()) return packet.protocol;
  const std::uint8_t first = headers[0];
  for (std::size_t at = 0; at < headers.size();) {
    const auto size = extension_header_size(headers[at], ByteView(headers).subspan(at));
    const std::size_t next = size ? at + *size : headers.size();
    if (headers[at] == fragment_header && size) {
      put16(headers, at + 2,
            (packet.fragment_offset & 0x1fffU) << 3 | (packet.more_fragments ? 1U : 0U));
    }
    headers[at] = next < headers.size() ? headers[next] : packet.protocol;
    at = next;
  }
  return first;
}

Bytes ipv6_header(const Packet& packet, std::size_t size) {
  Bytes bytes(40, 0);
  put32(bytes, 0,
        6U << 28 | static_cast<std::uint32_t>(packet.tos) << 20 | (packet.flow_label & 0xfffff));
  put16(bytes, 4, static_cast<std::uint32_t>((size - 40) & 0xffff));
  Bytes extensions;
  bytes[6] = chain_extension_headers(packet, extensions);
  bytes[7] = packet.ttl;
  std::copy(packet.source.bytes().begin(), packet.source.bytes().end(), bytes.begin() + 8);
  std::copy(packet.destination.bytes().begin(), packet.destination.bytes().end(),
            bytes.begin() + 24);
  append(bytes, extensions);
  return bytes;
}

void put_checksum(const Packet& packet, Bytes& bytes, std::size_t at, std::size_t header) {
  const ByteView all = ByteView(bytes).subspan(header);
  std::uint32_t pseudo = 0;
  if (packet.protocol != icmp) {
    pseudo = pseudo_header_sum(packet.source, packet.destination, packet.protocol,
                               static_cast<std::uint32_t>(all.size()));
  }
  std::uint16_t sum = internet_checksum(all, pseudo);
  // 0 says that there is none.
  if (sum == 0 && (packet.protocol == udp || packet.protocol == udplite)) sum = 0xffff;
  put16(bytes, header + at, sum);
}

void put_tcp(const Packet& packet, Bytes& bytes, std::size_t at) {
  put32(bytes, at + 4, packet.sequence);
  put32(bytes, at + 8, packet.acknowledgement);
  bytes[at + 12] = static_cast<std::uint8_t>(transport_header_size(packet) / 4 << 4);
  bytes[at + 13] = packet.tcp_flags;
  put16(bytes, at + 14, packet.window);
  if (packet.mss == 0) return;
  put16(bytes, at + 20, 0x0204);  // the option MSS, of 4 bytes
  put16(bytes, at + 22, packet.mss);
}

void append_transport(const Packet& packet, Bytes& bytes) {
  const std::size_t at = bytes.size();
  const std::size_t size = packet.fragment_offset == 0 ? transport_header_size(packet) : 0;
  bytes.resize(at + size, 0);
  append(bytes, packet.payload);
  if (size == 0) return;
  if (packet.has_ports()) {
    put16(bytes, at, packet.source_port);
    put16(bytes, at + 2, packet.destination_port);
  }
  switch (packet.protocol) {
    case tcp:
      put_tcp(packet, bytes, at);
      put_checksum(packet, bytes, 16, at);
      break;
    case udp:
      put16(bytes, at + 4, static_cast<std::uint32_t>((size + packet.payload.size()) & 0xffff));
      put_checksum(packet, bytes, 6, at);
      break;
    case udplite:  // all of it is covered
      put_checksum(packet, bytes, 6, at);
      break;
    case sctp: {
      put32(bytes, at + 4, packet.sequence);
      const std::uint32_t crc = crc32c(ByteView(bytes).subspan(at));
      for (std::size_t i = 0; i < 4; ++i) {
        bytes[at + 8 + i] = static_cast<std::uint8_t>(crc >> 8 * i & 0xff);
      }
      break;
    }
    case icmp:
    case icmpv6:
      bytes[at] = packet.icmp_type;
      bytes[at + 1] = packet.icmp_code;
      put16(bytes, at + 4, packet.icmp_id);
      put16(bytes, at + 6, packet.icmp_sequence);
      put_checksum(packet, bytes, 2, at);
      break;
    default:
      break;
  }
}

std::string end_text(const Address& address, std::optional<std::uint16_t> port) {
  if (!port) return to_string(address);
  const std::string text = to_string(address);
  return (address.family() == Family::ipv6 ? "[" + text + "]" : text) + ":" + std::to_string(*port);
}

}  // namespace

bool Packet::has_ports() const {
  return protocol == tcp || protocol == udp || protocol == sctp || protocol == dccp ||
         protocol == udplite;
}

bool is_echo(const Packet& packet) {
  return (packet.protocol == icmp && (packet.icmp_type == 8 || packet.icmp_type == 0)) ||
         (packet.protocol == icmpv6 && (packet.icmp_type == 128 || packet.icmp_type == 129));
}

bool is_reset(const Packet& packet) {
  constexpr std::uint8_t abort_chunk = 6;
  if (packet.protocol == tcp) return (packet.tcp_flags & rst) != 0;
  return packet.protocol == sctp && !packet.payload.empty() && packet.payload[0] == abort_chunk;
}

bool is_icmp_error(const Packet& packet) {
  if (packet.protocol == icmpv6) return packet.icmp_type < 128;
  const std::uint8_t type = packet.icmp_type;
  return packet.protocol == icmp &&
         (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

std::size_t network_header_size(const Packet& packet) {
  if (packet.family == Family::ipv4) {
    return 20 + (std::min<std::size_t>(packet.options.size(), 40) + 3) / 4 * 4;
  }
  return 40 + packet.options.size() + (needs_fragment_header(packet) ? 8 : 0);
}

std::size_t transport_header_size(const Packet& packet) {
  if (packet.fragment_offset != 0) return 0;
  switch (packet.protocol) {
    case tcp:
      return packet.mss == 0 ? 20 : 24;
    case udp:
    case udplite:
    case icmp:
    case icmpv6:
      return 8;
    case sctp:
      return 12;
    case dccp:
      return 4;  // the ports; the rest is payload here
    default:
      return 0;
  }
}

std::size_t size_of(const Packet& packet) {
  return network_header_size(packet) + transport_header_size(packet) + packet.payload.size();
}

Bytes to_bytes(const Packet& packet) {
  const std::size_t size = size_of(packet);
  Bytes bytes =
      packet.family == Family::ipv4 ? ipv4_header(packet, size) : ipv6_header(packet, size);
  bytes.reserve(size);
  append_transport(packet, bytes);
  return bytes;
}

std::string to_text(const Packet& packet) {
  const bool ports = packet.has_ports() && packet.fragment_offset == 0;
  return end_text(packet.source, ports ? std::optional(packet.source_port) : std::nullopt) + " > " +
         end_text(packet.destination,
                  ports ? std::optional(packet.destination_port) : std::nullopt);
}

std::string protocol_text(std::uint8_t protocol) {
  switch (protocol) {
    case icmp:
      return "icmp";
    case ipip:
      return "ipip";
    case tcp:
      return "tcp";
    case udp:
      return "udp";
    case dccp:
      return "dccp";
    case ipv6_in_ip:
      return "ipv6";
    case icmpv6:
      return "icmpv6";
    case sctp:
      return "sctp";
    case udplite:
      return "udplite";
    default:
      return std::to_string(protocol);
  }
}

}  // namespace core::packet
