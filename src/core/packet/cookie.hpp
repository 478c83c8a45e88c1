// What a probe is known by wherever it is met: numbers that translation, routing and tunnels leave
// alone, while addresses and ports become others. Pure. Not here: what is seen (observation), and
// the probe's way into the kernel (net/probe).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/packet/packet.hpp"

namespace core::packet {

// What ends connections and opens new ones, as a proxy, does not keep it.
struct Cookie {
  std::uint8_t protocol = tcp;            // of the probe
  std::uint32_t sequence = 0;             // of TCP; of SCTP the initiate tag
  std::uint32_t length = 1;               // an answer acknowledges sequence + length; of a SYN 1
  std::uint16_t id = 0;                   // of IPv4; also the identifier of ICMP echoes
  std::array<std::uint8_t, 8> payload{};  // the first bytes of UDP's data, and of echoes'
  // The source port of a probe of UDP: what comes back to it is its answer, whatever is in it.
  std::uint16_t port = 0;     // 0: answers are known by what they repeat alone
  std::uint32_t address = 0;  // of the sender; the last 4 bytes, as a number

  friend bool operator==(const Cookie&, const Cookie&) = default;
};

// Of two numbers that nobody can guess. No part is 0: in the place of an IP id of 0 the kernel puts
// one of its own.
Cookie make_cookie(std::uint8_t protocol, std::uint64_t chance, std::uint64_t more_chance);

// Makes `packet` the probe; its protocol must be the cookie's, or ICMP's of its family.
void put_cookie(Packet& packet, const Cookie& cookie);

enum class Relation : std::uint8_t {
  request,  // the probe; of UDP also an answer that repeats its data
  reply,    // what answers it: SYN-ACK, RST, echo reply
  later,    // what its sender sends next, as the RST of a kernel that knows of no such connection
  error,    // an ICMP error about one of these
};
std::string_view to_string(Relation relation);

// Of a packet that begins at its IP header, as far as the bytes go.
std::optional<Relation> relation_of(ByteView packet, const Cookie& cookie);

struct Sighting {
  Relation relation{};
  std::size_t offset = 0;  // of the IP header of the packet that has the cookie; 0: no tunnel

  friend bool operator==(const Sighting&, const Sighting&) = default;
};
// The same also inside of tunnels, whatever they are made of, unless they are encrypted.
std::optional<Sighting> find_cookie(ByteView packet, const Cookie& cookie);

// How deep a cookie is looked for: an ICMP error about VXLAN over IPv6 fits.
inline constexpr std::size_t deepest_cookie = 192;

}  // namespace core::packet
