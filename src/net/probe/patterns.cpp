#include "net/probe/arm.hpp"
#include "net/probe/watched_flow.hpp"

namespace net::probe {
namespace {

using core::packet::Cookie;
using core::packet::icmp;
using core::packet::icmpv6;
using core::packet::tcp;
using core::packet::udp;

constexpr std::uint32_t udp_header = 8;
constexpr std::uint32_t icmp_header = 8;
constexpr std::uint32_t sctp_header = 12;
constexpr std::uint32_t vxlan_header = 8;
constexpr std::uint32_t ethernet_header = 14;

// Inner packets are taken to have no options: offsets in rules are fixed.
struct Inner {
  std::uint32_t size;         // of its IP header
  std::uint32_t protocol_at;  // in it
  std::uint8_t icmp;
  std::uint32_t source_at;
  std::uint32_t destination_at;
};
constexpr Inner ipv4_inside{20, 9, icmp, 12, 16};
constexpr Inner ipv6_inside{40, 6, icmpv6, 8, 24};
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
    if (!quoted) parts.push_back({at + 8, be32(cookie.sequence + cookie.length)});
    return parts;
  }
  if (cookie.protocol == core::packet::sctp) {
    std::vector<Part> parts = {{at + sctp_header + 4, be32(cookie.sequence)}};
    if (!quoted) parts.push_back({at + 4, be32(cookie.sequence)});
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

// Packets of a flow and its answers, in the way that the rest of a pattern says: plain, or in a
// tunnel.
class FlowPatterns {
 public:
  FlowPatterns(const WatchedFlow& flow, std::vector<Pattern>& all)
      : flow_(flow),
        inner_(flow.destination.family() == core::Family::ipv4 ? ipv4_inside : ipv6_inside),
        all_(all) {}

  void plain() {
    for (const bool answer : {false, true}) {
      Pattern pattern{flow_.protocol, addresses(0, answer, true), flow_packets};
      ports(pattern.parts, 0, answer);
      all_.push_back(std::move(pattern));
    }
  }
  void inside(const std::vector<Part>& guard, std::uint32_t at) {
    for (const bool answer : {false, true}) {
      Pattern pattern{udp, guard, flow_packets};
      pattern.parts.push_back({at + inner_.protocol_at, {flow_.protocol}});
      for (Part& part : addresses(at, answer, false)) pattern.parts.push_back(std::move(part));
      ports(pattern.parts, at + inner_.size, answer);
      all_.push_back(std::move(pattern));
    }
  }

 private:
  static constexpr std::uint32_t flow_packets = 8;

  [[nodiscard]] std::vector<Part> addresses(std::uint32_t at, bool answer, bool network) const {
    std::vector<Part> parts;
    const auto put = [&](std::uint32_t offset, const core::Address& address) {
      parts.push_back({at + offset, {address.bytes().begin(), address.bytes().end()}, network});
    };
    put(answer ? inner_.source_at : inner_.destination_at, flow_.destination);
    if (flow_.source) put(answer ? inner_.destination_at : inner_.source_at, *flow_.source);
    return parts;
  }
  void ports(std::vector<Part>& parts, std::uint32_t at, bool answer) const {
    if (flow_.protocol == icmp || flow_.protocol == icmpv6) return;
    parts.push_back({answer ? at : at + 2, be16(flow_.port)});
    if (flow_.source_port) parts.push_back({answer ? at + 2 : at, be16(*flow_.source_port)});
  }

  const WatchedFlow& flow_;
  const Inner& inner_;
  std::vector<Pattern>& all_;
};

// Where inner packets begin behind the header of UDP.
std::vector<std::uint32_t> begins_of(Tunnel::Kind kind) {
  constexpr std::uint32_t vxlan = udp_header + vxlan_header;
  switch (kind) {
    case Tunnel::Kind::fou:
      return {udp_header};
    case Tunnel::Kind::vxlan:
      return {vxlan + ethernet_header};
    case Tunnel::Kind::vxlan_gpe:
      break;
  }
  return {vxlan, vxlan + ethernet_header};
}

}  // namespace

std::vector<Pattern> patterns_of(const std::vector<WatchedFlow>& flows,
                                 const std::vector<Tunnel>& tunnels) {
  std::vector<Pattern> all;
  for (const WatchedFlow& flow : flows) {
    FlowPatterns patterns(flow, all);
    patterns.plain();
    for (const Tunnel& tunnel : tunnels) {
      for (const std::uint32_t at : begins_of(tunnel.kind)) {
        patterns.inside({{2, be16(tunnel.port)}}, at);
      }
    }
  }
  return all;
}

std::vector<Pattern> patterns_of(const Cookie& cookie, const std::vector<Tunnel>& tunnels) {
  Patterns patterns(cookie);
  patterns.plain();
  patterns.inside(core::packet::ipip, {}, 0, ipv4_inside);
  patterns.inside(core::packet::ipv6_in_ip, {}, 0, ipv6_inside);
  for (const Tunnel& tunnel : tunnels) {
    const std::vector<Part> guard = {{2, be16(tunnel.port)}};
    for (const std::uint32_t at : begins_of(tunnel.kind)) {
      for (const Inner& inner : either_inside) patterns.inside(udp, guard, at, inner);
    }
  }
  return patterns.all;
}

}  // namespace net::probe
