// An IP packet as values, and as the bytes that rules look at. Pure. Not here: what the kernel
// knows of it besides (context).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/ip.hpp"

namespace core::packet {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// IPPROTO_*
inline constexpr std::uint8_t icmp = 1;
inline constexpr std::uint8_t ipip = 4;
inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint8_t udp = 17;
inline constexpr std::uint8_t ipv6_in_ip = 41;
inline constexpr std::uint8_t dccp = 33;
inline constexpr std::uint8_t icmpv6 = 58;
inline constexpr std::uint8_t sctp = 132;
inline constexpr std::uint8_t udplite = 136;

// Of the TCP header (RFC 9293).
inline constexpr std::uint8_t fin = 0x01;
inline constexpr std::uint8_t syn = 0x02;
inline constexpr std::uint8_t rst = 0x04;
inline constexpr std::uint8_t ack = 0x10;

struct Packet {
  Family family{};
  std::uint8_t protocol = 0;  // of the transport header, also behind extension headers
  Address source;
  Address destination;
  std::uint8_t tos = 0;               // the whole byte: DSCP and ECN; in IPv6 the traffic class
  std::uint8_t ttl = 64;              // hop limit in IPv6
  std::uint16_t id = 0;               // IPv4 only
  bool dont_fragment = true;          // likewise
  std::uint16_t fragment_offset = 0;  // in units of 8 bytes; not 0: there is no transport header
  bool more_fragments = false;
  std::uint32_t flow_label = 0;  // IPv6 only
  // Of IPv4, padded to 4. Of IPv6 the extension headers, each with its own number where that of the
  // next one is on the wire; a fragment header's offset is that of above.
  Bytes options;

  // TCP, UDP, SCTP, DCCP, UDP-Lite
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  // TCP
  std::uint32_t sequence = 0;  // of SCTP the verification tag
  std::uint32_t acknowledgement = 0;
  std::uint8_t tcp_flags = 0;
  std::uint16_t window = 64240;
  std::uint16_t mss = 0;  // 0: no such option
  // ICMP and ICMPv6; identifier and sequence of an error are what follows its checksum: 0, or the
  // MTU
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint16_t icmp_id = 0;
  std::uint16_t icmp_sequence = 0;

  Bytes payload;  // behind the transport header: data, another packet, what an ICMP error is about

  friend bool operator==(const Packet&, const Packet&) = default;

  [[nodiscard]] bool has_ports() const;
};
// An echo request or reply of ICMP or ICMPv6; another message of theirs that is an error.
bool is_echo(const Packet& packet);
bool is_icmp_error(const Packet& packet);
// A reset of TCP, an ABORT of SCTP.
bool is_reset(const Packet& packet);

// Bytes of the headers in front of the payload, and of the whole.
std::size_t network_header_size(const Packet& packet);
std::size_t transport_header_size(const Packet& packet);
std::size_t size_of(const Packet& packet);

// From the network header on, checksums right.
Bytes to_bytes(const Packet& packet);
// What begins with an IPv4 or IPv6 header, as the network or a guest wrote it; nothing where it
// makes none. What is cut off behind the headers is missing from the payload; TCP options but the
// MSS are left out. Of TCP the first 8 bytes do: an ICMP error quotes no more.
std::optional<Packet> parse_packet(ByteView bytes);

// "10.0.0.1:1234 > 10.0.0.2:80", with brackets around addresses of IPv6; without ports where it has
// none.
std::string to_text(const Packet& packet);
// "tcp", "icmp", "47"
std::string protocol_text(std::uint8_t protocol);

}  // namespace core::packet
