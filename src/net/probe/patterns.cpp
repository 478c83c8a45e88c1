#include <linux/netfilter.h>
#include <netinet/in.h>

#include "net/probe/arm.hpp"

namespace net::probe {
namespace {

using core::packet::Cookie;
using core::packet::icmp;
using core::packet::icmpv6;
using core::packet::tcp;
using core::packet::udp;

constexpr std::uint32_t udp_header = 8;
constexpr std::uint32_t icmp_header = 8;
constexpr std::uint32_t vxlan_header = 8;
constexpr std::uint32_t ethernet_header = 14;

// Inner packets are taken to have no options: offsets in rules are fixed.
struct Inner {
  std::uint32_t size;         // of its IP header
  std::uint32_t protocol_at;  // in it
  std::uint8_t icmp;
};
constexpr Inner ipv4_inside{20, 9, icmp};
constexpr Inner ipv6_inside{40, 6, icmpv6};
constexpr Inner either_inside[] = {ipv4_inside, ipv6_inside};

std::vector<std::uint8_t> be16(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
std::vector<std::uint8_t> be32(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

bool is_echo(const Cookie& cookie) { return cookie.protocol == icmp || cookie.protocol == icmpv6; }

// What the transport header at `at` has; of TCP also an answer's, unless it is quoted.
std::vector<Part> in_header(const Cookie& cookie, std::uint32_t at, bool quoted) {
  if (cookie.protocol == tcp) {
    std::vector<Part> parts = {{at + 4, be32(cookie.sequence)}};
    if (!quoted) parts.push_back({at + 8, be32(cookie.sequence + 1)});
    return parts;
  }
  // Behind UDP's header and an echo's, which are of one size.
  return {{at + udp_header, {cookie.payload.begin(), cookie.payload.end()}}};
}

// The protocols that the cookie's packet may have in front of its header.
std::vector<std::uint8_t> protocols(const Cookie& cookie) {
  if (is_echo(cookie)) return {icmp, icmpv6};
  return {cookie.protocol};
}

class Patterns {
 public:
  explicit Patterns(const Cookie& cookie) : cookie_(cookie) {}

  // Packets that begin at `at` behind the transport header of `outer`, with `guard` in front.
  void inside(std::uint8_t outer, const std::vector<Part>& guard, std::uint32_t at,
              const Inner& inner) {
    for (const std::uint8_t protocol : protocols(cookie_)) {
      if (is_echo(cookie_) && protocol != inner.icmp) continue;
      add(outer, guard, at, inner, protocol, at + inner.size, false);
    }
    // An error, with the quoted packet's header behind its own.
    const std::uint32_t quoted = at + inner.size + icmp_header;
    add(outer, guard, at, inner, inner.icmp, quoted + inner.size, true);
  }

  void plain() {
    for (const std::uint8_t protocol : protocols(cookie_)) {
      for (Part& part : in_header(cookie_, 0, false)) all.push_back({protocol, {std::move(part)}});
    }
    for (const Inner& inner : either_inside) {
      for (Part& part : in_header(cookie_, icmp_header + inner.size, true)) {
        all.push_back({inner.icmp, {std::move(part)}});
      }
    }
  }

  std::vector<Pattern> all;

 private:
  void add(std::uint8_t outer, const std::vector<Part>& guard, std::uint32_t at, const Inner& inner,
           std::uint8_t protocol, std::uint32_t header, bool quoted) {
    for (Part& part : in_header(cookie_, header, quoted)) {
      Pattern pattern{outer, guard};
      pattern.parts.push_back({at + inner.protocol_at, {protocol}});
      pattern.parts.push_back(std::move(part));
      all.push_back(std::move(pattern));
    }
  }

  const Cookie& cookie_;
};

}  // namespace

std::vector<Pattern> patterns_of(const Cookie& cookie, const std::vector<Tunnel>& tunnels) {
  Patterns patterns(cookie);
  patterns.plain();
  patterns.inside(core::packet::ipip, {}, 0, ipv4_inside);
  patterns.inside(core::packet::ipv6_in_ip, {}, 0, ipv6_inside);
  for (const Tunnel& tunnel : tunnels) {
    const std::vector<Part> guard = {{2, be16(tunnel.port)}};
    for (const Inner& inner : either_inside) {
      if (tunnel.kind == Tunnel::Kind::fou) patterns.inside(udp, guard, udp_header, inner);
      if (tunnel.kind == Tunnel::Kind::vxlan_gpe) {
        patterns.inside(udp, guard, udp_header + vxlan_header, inner);
      }
      if (tunnel.kind == Tunnel::Kind::fou) continue;
      patterns.inside(udp, guard, udp_header + vxlan_header + ethernet_header, inner);
    }
  }
  return patterns.all;
}

}  // namespace net::probe
