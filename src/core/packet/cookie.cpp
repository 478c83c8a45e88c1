#include "core/packet/cookie.hpp"

#include <algorithm>
#include <string_view>

#include "core/packet/extension_headers.hpp"

namespace core::packet {
namespace {

constexpr int most_extensions = 8;  // more headers of IPv6 than this are nonsense

constexpr std::uint8_t echo_request = 8;
constexpr std::uint8_t echo_reply = 0;
constexpr std::uint8_t echo_request6 = 128;
constexpr std::uint8_t echo_reply6 = 129;

constexpr std::size_t shortest_header = 20;  // of IP: nothing lies in front of that
constexpr std::size_t header6 = 40;

std::uint16_t word16(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
std::uint32_t word32(ByteView bytes, std::size_t at) {
  return std::uint32_t{word16(bytes, at)} << 16 | word16(bytes, at + 2);
}

struct Headers {
  std::uint8_t protocol = 0;
  std::optional<std::uint16_t> id;
  ByteView transport;
};

std::optional<Headers> split4(ByteView bytes) {
  const std::size_t size = (bytes[0] & 0xfU) * std::size_t{4};
  if (size < shortest_header || bytes.size() < size) return std::nullopt;
  if ((word16(bytes, 6) & 0x1fff) != 0) return std::nullopt;  // not the first fragment
  return Headers{bytes[9], word16(bytes, 4), bytes.subspan(size)};
}

std::optional<Headers> split6(ByteView bytes) {
  if (bytes.size() < header6) return std::nullopt;
  Headers headers{bytes[6], std::nullopt, bytes.subspan(header6)};
  for (int i = 0; i < most_extensions; ++i) {
    const std::uint8_t next = headers.protocol;
    if (!is_extension_header(next)) return headers;
    const auto size = extension_header_size(next, headers.transport);
    if (!size || headers.transport.size() < *size) return std::nullopt;
    if (next == fragment_header && word16(headers.transport, 2) >> 3 != 0) return std::nullopt;
    headers.protocol = headers.transport[0];
    headers.transport = headers.transport.subspan(*size);
  }
  return std::nullopt;
}

std::optional<Headers> split(ByteView bytes) {
  if (bytes.size() < shortest_header) return std::nullopt;
  switch (bytes[0] >> 4) {
    case 4:
      return split4(bytes);
    case 6:
      return split6(bytes);
    default:
      return std::nullopt;
  }
}

bool is_icmp(std::uint8_t protocol) { return protocol == icmp || protocol == icmpv6; }

bool is_icmp_error(const Headers& headers) {
  if (headers.transport.size() < 8) return false;
  const std::uint8_t type = headers.transport[0];
  if (headers.protocol == icmp) return type == 3 || type == 11 || type == 12;
  return headers.protocol == icmpv6 && 1 <= type && type <= 4;
}

std::optional<Relation> in_tcp(ByteView transport, const Cookie& cookie) {
  if (transport.size() < 8) return std::nullopt;
  const std::uint32_t sequence = word32(transport, 4);
  if (sequence == cookie.sequence) return Relation::request;
  if (transport.size() >= 14 && (transport[13] & ack) != 0 &&
      word32(transport, 8) == cookie.sequence + cookie.length) {
    return Relation::reply;
  }
  if (sequence == cookie.sequence + cookie.length) return Relation::later;
  return std::nullopt;
}

// The first chunk of an INIT, and what answers that: its verification tag is the initiate tag, of
// an INIT ACK and of an ABORT (RFC 9260, 8.4 and 8.5.1).
constexpr std::size_t sctp_header = 12;
constexpr std::uint8_t init_chunk = 1;

std::optional<Relation> in_sctp(ByteView transport, const Cookie& cookie) {
  if (transport.size() < 8) return std::nullopt;
  if (word32(transport, 4) == cookie.sequence) return Relation::reply;
  if (transport.size() >= sctp_header + 8 && transport[sctp_header] == init_chunk &&
      word32(transport, sctp_header + 4) == cookie.sequence) {
    return Relation::request;
  }
  return std::nullopt;
}

bool has_payload(ByteView transport, const Cookie& cookie) {
  constexpr std::size_t header = 8;  // of UDP, and of an echo
  return transport.size() >= header + cookie.payload.size() &&
         std::ranges::equal(transport.subspan(header, cookie.payload.size()), cookie.payload);
}

std::optional<Relation> in_transport(const Headers& headers, const Cookie& cookie) {
  if (headers.protocol == tcp && cookie.protocol == tcp) return in_tcp(headers.transport, cookie);
  if (headers.protocol == sctp && cookie.protocol == sctp) {
    return in_sctp(headers.transport, cookie);
  }
  if (headers.protocol == udp && cookie.protocol == udp && cookie.port != 0 &&
      headers.transport.size() >= 8 && word16(headers.transport, 2) == cookie.port) {
    return Relation::reply;
  }
  if (!has_payload(headers.transport, cookie)) return std::nullopt;
  if (headers.protocol == udp && cookie.protocol == udp) return Relation::request;
  if (!is_icmp(headers.protocol) || !is_icmp(cookie.protocol)) return std::nullopt;
  const std::uint8_t type = headers.transport[0];
  const bool ipv4 = headers.protocol == icmp;
  if (type == (ipv4 ? echo_request : echo_request6)) return Relation::request;
  if (type == (ipv4 ? echo_reply : echo_reply6)) return Relation::reply;
  return std::nullopt;
}

// Routers may quote no more than 8 bytes of the transport header (RFC 792): enough for TCP's
// sequence, not for data.
bool is_quoted(ByteView bytes, const Cookie& cookie) {
  const auto headers = split(bytes);
  if (!headers) return false;
  if (in_transport(*headers, cookie)) return true;
  const bool cut = headers->transport.size() < 8 + cookie.payload.size();
  const bool same = headers->protocol == cookie.protocol ||
                    (is_icmp(headers->protocol) && is_icmp(cookie.protocol));
  return cut && same && cookie.protocol != tcp && headers->id == cookie.id;
}

}  // namespace

Cookie make_cookie(std::uint8_t protocol, std::uint64_t chance, std::uint64_t more_chance) {
  Cookie cookie;
  cookie.protocol = protocol;
  cookie.sequence = static_cast<std::uint32_t>(chance) | 1;
  cookie.id = static_cast<std::uint16_t>(chance >> 48 | 1);
  for (std::size_t i = 0; i < cookie.payload.size(); ++i) {
    cookie.payload[i] = static_cast<std::uint8_t>(more_chance >> (8 * i) | 1);
  }
  return cookie;
}

void put_cookie(Packet& packet, const Cookie& cookie) {
  packet.id = cookie.id;
  if (packet.protocol == tcp) {
    packet.sequence = cookie.sequence;
    return;
  }
  if (packet.protocol == sctp) {
    packet.sequence = 0;  // what begins an association has no verification tag
    const auto byte = [&](int shift) {
      return static_cast<std::uint8_t>(cookie.sequence >> shift);
    };
    // Type, flags, length; initiate tag; window; streams out and in; first sequence.
    packet.payload = {init_chunk, 0, 0, 20, byte(24), byte(16), byte(8),  byte(0), 0,      1, 0,
                      0,          0, 1, 0,  1,        byte(24), byte(16), byte(8), byte(0)};
    return;
  }
  packet.icmp_id = cookie.id;
  packet.payload.assign(cookie.payload.begin(), cookie.payload.end());
}

std::string_view to_string(Relation relation) {
  switch (relation) {
    case Relation::request:
      return "request";
    case Relation::reply:
      return "reply";
    case Relation::later:
      return "later";
    case Relation::error:
      break;
  }
  return "error";
}

std::optional<Relation> relation_of(ByteView packet, const Cookie& cookie) {
  const auto headers = split(packet);
  if (!headers) return std::nullopt;
  if (const auto relation = in_transport(*headers, cookie)) return relation;
  if (is_icmp_error(*headers) && is_quoted(headers->transport.subspan(8), cookie)) {
    return Relation::error;
  }
  return std::nullopt;
}

std::optional<Sighting> find_cookie(ByteView packet, const Cookie& cookie) {
  const auto outermost = split(packet);
  if (!outermost) return std::nullopt;
  if (const auto relation = relation_of(packet, cookie)) return Sighting{*relation, 0};
  const bool about = is_icmp_error(*outermost);
  // All that tunnels put in front of a packet has an even length.
  for (std::size_t at = shortest_header; at < std::min(packet.size(), deepest_cookie); at += 2) {
    const auto relation = relation_of(packet.subspan(at), cookie);
    if (relation) return Sighting{about ? Relation::error : *relation, at};
  }
  return std::nullopt;
}

}  // namespace core::packet
