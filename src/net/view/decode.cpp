#include "net/view/decode.hpp"

#include <net/if.h>
#include <netinet/in.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/lwtunnel.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace net::view {
namespace {

using core::packet::Bytes;
using core::packet::Link;
using core::packet::ListedRoute;
using core::packet::ListedRule;
using core::packet::Neighbour;
using core::packet::NextHop;
using core::packet::RouteAnswer;
using core::packet::TunnelLink;

// IFLA_VXLAN_GPE and others are behind what Attributes keeps: attributes by any number.
std::optional<NetlinkAttribute> find(ByteView level, std::uint16_t number) {
  return AttributeList(level).find(number);
}

std::optional<core::Address> address_in(const std::optional<NetlinkAttribute>& attribute) {
  if (!attribute || (attribute->value.size() != 4 && attribute->value.size() != 16)) {
    return std::nullopt;
  }
  const core::Address address(attribute->value);
  // 0.0.0.0 and :: stand for none.
  if (address == unspecified(address.family())) return std::nullopt;
  return address;
}

std::uint16_t port_in(const std::optional<NetlinkAttribute>& attribute) {
  if (!attribute || attribute->value.size() != 2) return 0;
  return static_cast<std::uint16_t>(attribute->value[0] << 8 | attribute->value[1]);
}

// In host order, as rtnetlink has its numbers.
std::uint32_t number_in(const std::optional<NetlinkAttribute>& attribute) {
  std::uint32_t number = 0;
  if (attribute && attribute->value.size() == sizeof number) {
    std::memcpy(&number, attribute->value.data(), sizeof number);
  }
  return number;
}

bool flag_in(ByteView level, std::uint16_t number) {
  const auto attribute = find(level, number);
  return attribute && (attribute->value.empty() || attribute->value[0] != 0);
}

std::optional<TunnelLink> tunnel_of(const std::string& kind, ByteView data) {
  TunnelLink tunnel;
  if (kind == "vxlan") {
    tunnel.kind =
        find(data, IFLA_VXLAN_GPE) ? TunnelLink::Kind::vxlan_gpe : TunnelLink::Kind::vxlan;
    tunnel.remote = address_in(find(data, IFLA_VXLAN_GROUP));
    if (!tunnel.remote) tunnel.remote = address_in(find(data, IFLA_VXLAN_GROUP6));
    tunnel.local = address_in(find(data, IFLA_VXLAN_LOCAL));
    if (!tunnel.local) tunnel.local = address_in(find(data, IFLA_VXLAN_LOCAL6));
    tunnel.port = port_in(find(data, IFLA_VXLAN_PORT));
    tunnel.vni = number_in(find(data, IFLA_VXLAN_ID));
    tunnel.external = flag_in(data, IFLA_VXLAN_COLLECT_METADATA);
    // A range of one port: the source port is no hash then (vxlan_src_port).
    const auto range = find(data, IFLA_VXLAN_PORT_RANGE);
    if (range && range->value.size() == sizeof(ifla_vxlan_port_range)) {
      const auto low = static_cast<std::uint16_t>(range->value[0] << 8 | range->value[1]);
      const auto high = static_cast<std::uint16_t>(range->value[2] << 8 | range->value[3]);
      if (low != 0 && low + 1 == high) tunnel.source_port = low;
    }
    return tunnel;
  }
  if (kind == "ipip" || kind == "sit" || kind == "ip6tnl") {
    tunnel.kind = TunnelLink::Kind::ip;
    tunnel.local = address_in(find(data, IFLA_IPTUN_LOCAL));
    tunnel.remote = address_in(find(data, IFLA_IPTUN_REMOTE));
    tunnel.external = find(data, IFLA_IPTUN_COLLECT_METADATA).has_value();
    const auto type = find(data, IFLA_IPTUN_ENCAP_TYPE);
    if (type && type->value.size() == 2) {
      std::uint16_t number = 0;
      std::memcpy(&number, type->value.data(), sizeof number);
      if (number == TUNNEL_ENCAP_FOU) tunnel.kind = TunnelLink::Kind::fou;
      if (number != TUNNEL_ENCAP_FOU && number != TUNNEL_ENCAP_NONE) {
        tunnel.kind = TunnelLink::Kind::other;
      }
    }
    tunnel.source_port = port_in(find(data, IFLA_IPTUN_ENCAP_SPORT));
    tunnel.port = port_in(find(data, IFLA_IPTUN_ENCAP_DPORT));
    return tunnel;
  }
  constexpr std::array others = {"gre",       "gretap", "ip6gre", "ip6gretap", "erspan", "geneve",
                                 "wireguard", "vti",    "vti6",   "xfrm",      "tun",    "gtp"};
  if (std::ranges::find(others, kind) != others.end()) {
    tunnel.kind = TunnelLink::Kind::other;
    return tunnel;
  }
  return std::nullopt;
}

std::string type_word(std::uint8_t type) {
  switch (type) {
    case RTN_LOCAL:
      return "local ";
    case RTN_BROADCAST:
      return "broadcast ";
    case RTN_ANYCAST:
      return "anycast ";
    case RTN_MULTICAST:
      return "multicast ";
    case RTN_BLACKHOLE:
      return "blackhole ";
    case RTN_UNREACHABLE:
      return "unreachable ";
    case RTN_PROHIBIT:
      return "prohibit ";
    case RTN_THROW:
      return "throw ";
    default:
      return "";
  }
}

std::string table_word(std::uint32_t table) {
  if (table == RT_TABLE_MAIN) return "main";
  if (table == RT_TABLE_LOCAL) return "local";
  if (table == RT_TABLE_DEFAULT) return "default";
  return std::to_string(table);
}

std::string prefix_word(const core::Prefix& prefix) {
  if (prefix.length == 0) return "default";
  return prefix.length == prefix.address.size() * 8 ? to_string(prefix.address) : to_string(prefix);
}

std::optional<core::Address> gateway_in(const Attributes& attributes) {
  if (const auto gateway = attributes.address(RTA_GATEWAY)) return gateway;
  // A next hop of the other family: rtvia.
  const ByteView via = attributes[RTA_VIA];
  if (via.size() == 2 + 16) return core::Address(via.subspan(2));
  if (via.size() == 2 + 4) return core::Address(via.subspan(2));
  return std::nullopt;
}

// `encap ip` and `encap ip6`: the tunnel's other end.
void put_encapsulation(ByteView level, ListedRoute& route) {
  const auto type = find(level, RTA_ENCAP_TYPE);
  const auto encap = find(level, RTA_ENCAP);
  if (type && encap && type->value.size() == 2) {
    std::uint16_t number = 0;
    std::memcpy(&number, type->value.data(), sizeof number);
    // LWTUNNEL_IP6_* have the same numbers.
    if (number == LWTUNNEL_ENCAP_IP || number == LWTUNNEL_ENCAP_IP6) {
      route.encap_remote = address_in(find(encap->value, LWTUNNEL_IP_DST));
      route.encap_local = address_in(find(encap->value, LWTUNNEL_IP_SRC));
      if (const auto id = find(encap->value, LWTUNNEL_IP_ID)) {
        for (const std::uint8_t byte : id->value) route.encap_id = route.encap_id << 8 | byte;
      }
    }
  }
}

// Of RTA_MULTIPATH, those that may be used.
std::vector<NextHop> hops_in(ByteView bytes) {
  std::vector<NextHop> hops;
  rtnexthop hop{};
  while (bytes.size() >= sizeof hop) {
    std::memcpy(&hop, bytes.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > bytes.size()) break;
    const Attributes own(bytes.subspan(sizeof hop, hop.rtnh_len - sizeof hop));
    if ((hop.rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) == 0) {
      hops.push_back({static_cast<std::uint32_t>(hop.rtnh_ifindex), gateway_in(own),
                      std::uint32_t{hop.rtnh_hops} + 1});
    }
    bytes = bytes.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), bytes.size()));
  }
  return hops;
}

std::string hex(std::uint32_t value) {
  std::array<char, 10> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), value, 16).ptr;
  return "0x" + std::string(digits.begin(), end);
}

std::string action_word(const ListedRule& rule) {
  switch (rule.action) {
    case FR_ACT_TO_TBL:
      return "lookup " + (rule.l3mdev ? "[l3mdev-table]" : table_word(rule.table));
    case FR_ACT_GOTO:
      return "goto " + std::to_string(rule.target);
    case FR_ACT_NOP:
      return "nop";
    default: {
      std::string word = type_word(rule.action);
      if (!word.empty()) word.pop_back();
      return word;
    }
  }
}

std::string range_word(const core::PortRange& range) {
  return std::to_string(range.first) +
         (range.first == range.last ? "" : "-" + std::to_string(range.last));
}

}  // namespace

std::optional<Link> decode_link(const NetlinkMessage& message) {
  const auto header = header_in<ifinfomsg>(message);
  if (message.type != RTM_NEWLINK || !header) return std::nullopt;
  const ByteView level = message.payload(sizeof *header);
  const Attributes attributes(message, sizeof *header);
  Link link;
  link.device.index = static_cast<std::uint32_t>(header->ifi_index);
  link.device.name = attributes.text(IFLA_IFNAME);
  link.device.type = header->ifi_type;
  link.device.group = attributes.u32(IFLA_GROUP).value_or(0);
  link.mtu = attributes.u32(IFLA_MTU).value_or(0);
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.carrier = (header->ifi_flags & (1U << 16)) != 0;  // IFF_LOWER_UP
  link.loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
  const ByteView mac = attributes[IFLA_ADDRESS];
  if (mac.size() == 6) link.mac.assign(mac.begin(), mac.end());
  link.master = attributes.u32(IFLA_MASTER).value_or(0);
  link.lower = attributes.u32(IFLA_LINK).value_or(0);
  if (const auto id = find(level, IFLA_LINK_NETNSID)) {
    link.lower_netns = static_cast<std::int32_t>(number_in(id));
  }
  if (const auto xdp = find(level, IFLA_XDP)) {
    const auto attached = find(xdp->value, IFLA_XDP_ATTACHED);
    link.xdp = attached && !attached->value.empty() && attached->value[0] != 0;
  }
  link.tc = attributes.text(IFLA_QDISC) == "clsact";
  const Attributes info(attributes[IFLA_LINKINFO]);
  link.device.kind = info.text(IFLA_INFO_KIND);
  link.tunnel = tunnel_of(link.device.kind, info[IFLA_INFO_DATA]);
  if (link.device.kind == "vrf") {
    link.vrf_table = number_in(find(info[IFLA_INFO_DATA], IFLA_VRF_TABLE));
  }
  return link;
}

std::optional<AddressOfLink> decode_address(const NetlinkMessage& message) {
  const auto header = header_in<ifaddrmsg>(message);
  if (message.type != RTM_NEWADDR || !header) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  const auto address = attributes.address(attributes.has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS);
  if (!address || header->ifa_prefixlen > address->size() * 8) return std::nullopt;
  const std::uint32_t flags = attributes.u32(IFA_FLAGS).value_or(header->ifa_flags);
  AddressOfLink result;
  result.link = header->ifa_index;
  result.address.prefix = {*address, header->ifa_prefixlen};
  // IPv6 has the same bit for temporary ones.
  result.address.secondary =
      address->family() == core::Family::ipv4 && (flags & IFA_F_SECONDARY) != 0;
  result.address.duplicate = (flags & IFA_F_DADFAILED) != 0;
  result.address.tentative = result.address.duplicate ||
                             ((flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0);
  return result;
}

std::optional<NeighbourOf> decode_neighbour(const NetlinkMessage& message) {
  const auto header = header_in<ndmsg>(message);
  if (message.type != RTM_NEWNEIGH || !header) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  const auto address = attributes.address(NDA_DST);
  if (!address) return std::nullopt;
  NeighbourOf result;
  result.link = static_cast<std::uint32_t>(header->ndm_ifindex);
  result.address = *address;
  const ByteView mac = attributes[NDA_LLADDR];
  result.neighbour.mac.assign(mac.begin(), mac.end());
  constexpr int usable =
      NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
  if ((header->ndm_state & usable) != 0) {
    result.neighbour.state = Neighbour::State::usable;
  } else if ((header->ndm_state & NUD_FAILED) != 0) {
    result.neighbour.state = Neighbour::State::failed;
  } else if ((header->ndm_state & NUD_INCOMPLETE) != 0) {
    result.neighbour.state = Neighbour::State::resolving;
  }
  return result;
}

std::optional<ListedRoute> decode_route(const NetlinkMessage& message) {
  const auto header = header_in<rtmsg>(message);
  if (message.type != RTM_NEWROUTE || !header) return std::nullopt;
  const auto family = parse_address_family(header->rtm_family);
  if (!family) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  ListedRoute route;
  route.destination = {attributes.address(RTA_DST).value_or(unspecified(*family)),
                       header->rtm_dst_len};
  if (header->rtm_dst_len > route.destination.address.size() * 8) return std::nullopt;
  route.type = header->rtm_type;
  route.tos = header->rtm_tos;
  route.table = attributes.u32(RTA_TABLE).value_or(header->rtm_table);
  route.metric = attributes.u32(RTA_PRIORITY).value_or(0);
  route.device = attributes.u32(RTA_OIF).value_or(0);
  route.gateway = gateway_in(attributes);
  route.source = attributes.address(RTA_PREFSRC);
  route.mtu = Attributes(attributes[RTA_METRICS]).u32(RTAX_MTU).value_or(0);
  route.hops = hops_in(attributes[RTA_MULTIPATH]);
  if (!route.hops.empty()) {
    route.device = route.hops.front().device;
    route.gateway = route.hops.front().gateway;
    rtnexthop hop{};
    const ByteView first = attributes[RTA_MULTIPATH];
    std::memcpy(&hop, first.data(), sizeof hop);
    if (static_cast<std::uint32_t>(hop.rtnh_ifindex) == route.device) {
      put_encapsulation(first.subspan(sizeof hop, hop.rtnh_len - sizeof hop), route);
    }
  }
  // Which one of several a packet takes is not the route's.
  const bool several = route.hops.size() > 1;
  if (!several) route.hops.clear();
  route.text = type_word(route.type) + prefix_word(route.destination);
  if (route.gateway && !several) route.text += " via " + to_string(*route.gateway);
  if (route.device != 0 && !several) route.text += " dev #" + std::to_string(route.device);
  if (attributes.has(RTA_NH_ID)) {
    route.text += " nhid " + std::to_string(attributes.u32(RTA_NH_ID).value_or(0));
  }
  if (route.table != RT_TABLE_MAIN) route.text += " table " + table_word(route.table);
  if (route.source) route.text += " src " + to_string(*route.source);
  if (route.mtu != 0) route.text += " mtu " + std::to_string(route.mtu);
  if (several) route.text += ", one of " + std::to_string(route.hops.size()) + " next hops";
  put_encapsulation(message.payload(sizeof(rtmsg)), route);
  return route;
}

std::optional<RouteAnswer> decode_route_answer(const NetlinkMessage& message) {
  const auto route = decode_route(message);
  if (!route) return std::nullopt;
  RouteAnswer answer;
  answer.type = route->type;
  answer.device = route->device;
  answer.gateway = route->gateway;
  answer.source = route->source;
  answer.table = route->table;
  answer.mtu = route->mtu;
  answer.text = route->text;
  answer.encap_remote = route->encap_remote;
  answer.encap_local = route->encap_local;
  answer.encap_id = route->encap_id;
  answer.hops = route->hops;
  answer.group = number_in(find(message.payload(sizeof(rtmsg)), RTA_NH_ID));
  return answer;
}

std::optional<NextHopObject> decode_next_hop(const NetlinkMessage& message) {
  const auto header = header_in<nhmsg>(message);
  if (message.type != RTM_NEWNEXTHOP || !header) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  NextHopObject object;
  object.id = attributes.u32(NHA_ID).value_or(0);
  object.hop = {attributes.u32(NHA_OIF).value_or(0), attributes.address(NHA_GATEWAY), 1};
  ByteView group = attributes[NHA_GROUP];
  nexthop_grp member{};
  for (; group.size() >= sizeof member; group = group.subspan(sizeof member)) {
    std::memcpy(&member, group.data(), sizeof member);
    object.group.emplace_back(member.id, std::uint32_t{member.weight} + 1);
  }
  return object;
}

std::optional<ListedRule> decode_rule(const NetlinkMessage& message) {
  const auto header = header_in<fib_rule_hdr>(message);
  if (message.type != RTM_NEWRULE || !header) return std::nullopt;
  const auto family = parse_address_family(header->family);
  if (!family) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  ListedRule rule;
  rule.family = *family;
  rule.priority = attributes.u32(FRA_PRIORITY).value_or(0);
  rule.action = header->action;
  rule.inverted = (header->flags & FIB_RULE_INVERT) != 0;
  if (const auto source = attributes.address(FRA_SRC)) rule.source = {*source, header->src_len};
  if (const auto to = attributes.address(FRA_DST)) rule.destination = {*to, header->dst_len};
  rule.mark = attributes.u32(FRA_FWMARK).value_or(0);
  rule.mark_mask = attributes.u32(FRA_FWMASK).value_or(rule.mark != 0 ? 0xffffffff : 0);
  rule.in = attributes.text(FRA_IIFNAME);
  rule.out = attributes.text(FRA_OIFNAME);
  rule.tos = header->tos;
  rule.protocol = attributes.u8(FRA_IP_PROTO).value_or(0);
  const auto ports = [&](std::size_t number) -> std::optional<core::PortRange> {
    const ByteView bytes = attributes[number];
    fib_rule_port_range range{};
    if (bytes.size() != sizeof range) return std::nullopt;
    std::memcpy(&range, bytes.data(), sizeof range);
    return core::PortRange{range.start, range.end};
  };
  rule.source_ports = ports(FRA_SPORT_RANGE);
  rule.destination_ports = ports(FRA_DPORT_RANGE);
  if (const ByteView bytes = attributes[FRA_UID_RANGE];
      bytes.size() == sizeof(fib_rule_uid_range)) {
    fib_rule_uid_range range{};
    std::memcpy(&range, bytes.data(), sizeof range);
    rule.uids = {range.start, range.end};
  }
  const std::uint32_t suppress = attributes.u32(FRA_SUPPRESS_PREFIXLEN).value_or(0xffffffff);
  if (suppress != 0xffffffff) rule.suppress_length = suppress;
  rule.l3mdev = attributes.u8(FRA_L3MDEV).value_or(0) != 0;
  rule.target = attributes.u32(FRA_GOTO).value_or(0);
  rule.table = attributes.u32(FRA_TABLE).value_or(header->table);

  rule.text = std::to_string(rule.priority) + ":";
  if (rule.inverted) rule.text += " not";
  rule.text += " from " + (rule.source ? prefix_word(*rule.source) : "all");
  if (rule.destination) rule.text += " to " + prefix_word(*rule.destination);
  if (rule.mark_mask != 0) {
    rule.text += " fwmark " + hex(rule.mark);
    if (rule.mark_mask != 0xffffffff) rule.text += "/" + hex(rule.mark_mask);
  }
  if (!rule.in.empty()) rule.text += " iif " + rule.in;
  if (!rule.out.empty()) rule.text += " oif " + rule.out;
  if (rule.protocol != 0) rule.text += " ipproto " + core::packet::protocol_text(rule.protocol);
  if (rule.source_ports) rule.text += " sport " + range_word(*rule.source_ports);
  if (rule.destination_ports) rule.text += " dport " + range_word(*rule.destination_ports);
  if (rule.uids) {
    rule.text +=
        " uidrange " + std::to_string(rule.uids->first) + "-" + std::to_string(rule.uids->second);
  }
  rule.text += " " + action_word(rule);
  if (rule.suppress_length) {
    rule.text += " suppress_prefixlength " + std::to_string(*rule.suppress_length);
  }
  return rule;
}

}  // namespace net::view
