// What tunnels put around a packet, and take off again.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/packet/walk/walk_run.hpp"

namespace core::packet {
namespace {

constexpr std::size_t udp_header = 8;
constexpr std::size_t vxlan_header = 8;
constexpr std::size_t ethernet_header = 14;
constexpr std::uint8_t gpe_flags = 0x0c;  // an instance, and a next protocol

bool same_family(const std::optional<Address>& one, Family family) {
  return !one || one->family() == family;
}

std::uint8_t number_of(Family family) { return family == Family::ipv4 ? ipip : ipv6_in_ip; }

std::size_t ip_header(Family family) { return family == Family::ipv4 ? 20 : 40; }

std::string tunnel_name(const TunnelLink& tunnel) {
  using Kind = TunnelLink::Kind;
  switch (tunnel.kind) {
    case Kind::vxlan:
      return "VXLAN";
    case Kind::vxlan_gpe:
      return "VXLAN-GPE";
    case Kind::ip:
      return "IP in IP";
    case Kind::fou:
      return "FoU";
    case Kind::other:
      break;
  }
  return "tunnel";
}

// What a UDP tunnel has between its UDP header and the packet inside.
Bytes tunnel_header(const TunnelLink& tunnel, std::uint64_t id, Family inner) {
  Bytes header(vxlan_header, 0);
  header[0] = 0x08;
  if (tunnel.kind == TunnelLink::Kind::vxlan_gpe) {
    header[0] = gpe_flags;
    header[3] = inner == Family::ipv4 ? 1 : 2;
  }
  header[4] = static_cast<std::uint8_t>(id >> 16);
  header[5] = static_cast<std::uint8_t>(id >> 8);
  header[6] = static_cast<std::uint8_t>(id);
  if (tunnel.kind == TunnelLink::Kind::vxlan) header.resize(vxlan_header + ethernet_header, 0);
  if (tunnel.kind == TunnelLink::Kind::vxlan) {
    header[vxlan_header + 12] = inner == Family::ipv4 ? 0x08 : 0x86;
    header[vxlan_header + 13] = inner == Family::ipv4 ? 0x00 : 0xdd;
  }
  return header;
}

// Which device for IP in IP takes a packet, as ip_tunnel_lookup() and its sisters choose: the
// higher the better, 0 where it does not.
int fitness(const Link& link, const Packet& outer) {
  const bool ipv4 = outer.family == Family::ipv4;
  const char* const kind = !ipv4 ? "ip6tnl" : outer.protocol == ipip ? "ipip" : "sit";
  if (!link.tunnel || link.device.kind != kind) return 0;
  const TunnelLink& tunnel = *link.tunnel;
  if (tunnel.remote && *tunnel.remote != outer.source) return 0;
  if (tunnel.local && *tunnel.local != outer.destination) return 0;
  const int exact = (tunnel.remote ? 4 : 0) + (tunnel.local ? 2 : 0);
  // Then those that take metadata; the device of each namespace that has no ends takes the rest. A
  // device that is down is chosen only where there is no other.
  const int open = tunnel.external ? 1 : 0;
  return (link.up ? 16 : 0) + exact + open + 1;
}

}  // namespace

Walker::Run::Stage Walker::Run::encapsulate(const Link& link) {
  const TunnelLink& tunnel = *link.tunnel;
  if (tunnel.kind == TunnelLink::Kind::other) {
    walker_.assume(
        place_, link.device.name,
        "tunnels of kind " + link.device.kind + " are not modelled: assumed to carry it");
    return leave(link, packet_.destination, "by a tunnel that is not followed");
  }
  // ipip_tunnel_xmit() knows no other; IPv6 takes a device of type sit.
  if (link.device.kind == "ipip" && packet_.family == Family::ipv6) {
    return drop(Cause::tunnel_closed, link.device.name,
                link.device.name + " is of type ipip, which carries IPv4 alone");
  }
  const std::optional<Address> remote = tunnel.remote ? tunnel.remote : route_.encap_remote;
  if (!remote) {
    return drop(Cause::no_route, link.device.name,
                "nothing says where the other end of the tunnel " + link.device.name + " is");
  }
  Packet outer;
  outer.family = remote->family();
  outer.destination = *remote;
  const std::uint8_t none[16] = {};
  outer.source = Address(std::span(none, remote->size()));
  if (same_family(tunnel.local, outer.family) && tunnel.local) outer.source = *tunnel.local;
  if (route_.encap_local) outer.source = *route_.encap_local;
  outer.tos = static_cast<std::uint8_t>(packet_.tos & 3U);
  std::size_t extra = ip_header(outer.family);
  Bytes inside = to_bytes(packet_);
  if (tunnel.kind == TunnelLink::Kind::ip) {
    outer.protocol = number_of(packet_.family);
    outer.payload = std::move(inside);
  } else {
    outer.protocol = udp;
    outer.source_port = tunnel.source_port;
    outer.destination_port = tunnel.port;
    extra += udp_header;
    if (tunnel.kind != TunnelLink::Kind::fou) {
      const std::uint64_t id = tunnel.external ? route_.encap_id : tunnel.vni;
      outer.payload = tunnel_header(tunnel, id, packet_.family);
      extra += outer.payload.size();
    }
    outer.payload.insert(outer.payload.end(), inside.begin(), inside.end());
    if (outer.source_port == 0) outer.source_port = 49152;  // a hash of the inner flow
  }
  if (!fits(link, route_.mtu)) return Stage::ended;
  overhead_ += extra;
  ++depth_;
  // ip_tunnel_xmit() has a mark of its own (fwmark), the others take the packet's.
  routed_unmarked_ = !tunnel.external &&
                     (tunnel.kind == TunnelLink::Kind::ip || tunnel.kind == TunnelLink::Kind::fou);
  packet_ = std::move(outer);
  Step& step = add(Step::What::encapsulate, link.device.name,
                   tunnel_name(tunnel) + " to " + to_string(*remote) + ", " +
                       std::to_string(extra) + " bytes more");
  step.link = link.device.index;
  step.mtu = link.mtu;
  return Stage::output;
}

bool Walker::Run::enter_tunnel(const Link& link, Packet inner, const std::string& what,
                               std::size_t overhead) {
  if (!link.up) {
    drop(Cause::tunnel_closed, link.device.name, "the tunnel " + link.device.name + " is down");
    return true;
  }
  packet_ = std::move(inner);
  overhead_ -= std::min(overhead_, overhead);
  if (depth_ > 0) --depth_;
  context_.connection.reset();
  set_in(&link);
  Step& step = add(Step::What::decapsulate, link.device.name, what);
  step.link = link.device.index;
  return true;
}

// True: it was a tunnel's, and goes on as what was inside, or is dropped.
bool Walker::Run::decapsulate() {
  const Bytes bytes = packet_.payload;
  const ByteView payload(bytes);
  if (packet_.protocol == ipip || packet_.protocol == ipv6_in_ip) {
    auto inner = parse_packet(payload);
    if (!inner) return false;
    const Link* best = nullptr;
    for (const Link& link : network().links()) {
      const int fits = fitness(link, packet_);
      if (fits > 0 && (best == nullptr || fits > fitness(*best, packet_))) best = &link;
    }
    if (best != nullptr) {
      return enter_tunnel(*best, std::move(*inner), "IP in IP", ip_header(packet_.family));
    }
    drop(Cause::tunnel_closed, "input",
         "no tunnel device takes it from " + to_string(packet_.source));
    return true;
  }
  if (packet_.protocol != udp) return false;
  const std::size_t outer = ip_header(packet_.family) + udp_header;
  for (const Network::FouPort& port : network().fou_ports()) {
    // Each family has ports of its own; pona's take what is of their family.
    const bool same = (port.protocol == ipip) == (packet_.family == Family::ipv4);
    if (port.port != packet_.destination_port || !same) continue;
    auto inner = parse_packet(payload);
    if (!inner) return false;
    // What is within goes on as a packet of that protocol (fou_udp_recv).
    Packet within = packet_;
    within.protocol = number_of(inner->family);
    within.source_port = within.destination_port = 0;
    within.payload = bytes;
    packet_ = std::move(within);
    add(Step::What::decapsulate, "udp " + std::to_string(port.port), "FoU");
    overhead_ -= std::min(overhead_, udp_header);
    return decapsulate();
  }
  const Link* other = nullptr;
  for (const Link& link : network().links()) {
    if (!link.tunnel || link.tunnel->port != packet_.destination_port) continue;
    const bool gpe = link.tunnel->kind == TunnelLink::Kind::vxlan_gpe;
    if (!gpe && link.tunnel->kind != TunnelLink::Kind::vxlan) continue;
    if (payload.size() < vxlan_header) return false;
    const std::uint32_t vni = static_cast<std::uint32_t>(payload[4]) << 16 |
                              static_cast<std::uint32_t>(payload[5]) << 8 | payload[6];
    if (!link.tunnel->external && vni != link.tunnel->vni) {
      other = &link;
      continue;
    }
    const std::size_t header = vxlan_header + (gpe ? 0 : ethernet_header);
    if (payload.size() < header) return false;
    auto inner = parse_packet(payload.subspan(header));
    if (!inner) return false;
    return enter_tunnel(link, std::move(*inner), gpe ? "VXLAN-GPE" : "VXLAN", outer + header);
  }
  if (other != nullptr) {
    drop(Cause::tunnel_closed, other->device.name,
         "no tunnel device has its network identifier (VNI)");
    return true;
  }
  return false;
}

}  // namespace core::packet
