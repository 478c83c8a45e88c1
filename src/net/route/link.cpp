#include "net/route/link.hpp"

// First, so that linux/if.h leaves out what libc defines.
#include <net/if.h>
#include <netinet/in.h>

#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/ip.h>
#include <linux/ip6_tunnel.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/constants.hpp"

namespace net {
namespace {

using core::Family;
using core::FouSink;
using core::FouTunnel;
using core::GpeTunnel;
using core::Link;
using core::OtherLink;

// net.ipv4.conf.*: what is set of each device, by its number (linux/ip.h).
struct Configuration {
  std::uint16_t number;
  std::uint32_t value;
};
constexpr Configuration configuration[] = {{IPV4_DEVCONF_RP_FILTER, 0},
                                           {IPV4_DEVCONF_SRC_VMARK, 1}};
constexpr std::uint8_t no_link_local = IN6_ADDR_GEN_MODE_NONE;

std::uint16_t checksum_flags(const FouTunnel& tunnel) {
  if (!tunnel.checksum) return 0;
  return tunnel.family() == Family::ipv4 ? TUNNEL_ENCAP_FLAG_CSUM : TUNNEL_ENCAP_FLAG_CSUM6;
}

// IFLA_INFO_KIND.
struct TypeName {
  std::string operator()(const FouTunnel& tunnel) const { return of(tunnel.family()); }
  std::string operator()(const GpeTunnel&) const { return "vxlan"; }
  std::string operator()(const FouSink& sink) const { return of(sink.family); }
  std::string operator()(const OtherLink& other) const { return other.type; }

  static std::string of(Family family) { return family == Family::ipv4 ? "ipip" : "ip6tnl"; }
};

// What the kernel keeps of a device's configuration (IFLA_INFO_DATA); on a change all of it is said
// again, because what is not said falls back to its default.
struct PutData {
  nl_msg& message;

  void operator()(const FouTunnel& tunnel) const {
    put(message, IFLA_IPTUN_LOCAL, tunnel.local.bytes());
    put(message, IFLA_IPTUN_REMOTE, tunnel.remote.bytes());
    put_u8(message, IFLA_IPTUN_TTL, tunnel.ttl);
    if (tunnel.family() == Family::ipv4) {
      // The outer packet may be cut into pieces if the inner one may.
      put_u8(message, IFLA_IPTUN_PMTUDISC, 0);
    } else {
      put_u8(message, IFLA_IPTUN_PROTO, IPPROTO_IPV6);
      // Else each packet carries a destination options header (RFC 2473, 4.1.1), which middle boxes
      // drop.
      put_u32(message, IFLA_IPTUN_FLAGS, IP6_TNL_F_IGN_ENCAP_LIMIT);
    }
    put_u16(message, IFLA_IPTUN_ENCAP_TYPE, TUNNEL_ENCAP_FOU);
    put_u16(message, IFLA_IPTUN_ENCAP_FLAGS, checksum_flags(tunnel));
    put_be16(message, IFLA_IPTUN_ENCAP_SPORT, 0);  // chosen by the flow within
    put_be16(message, IFLA_IPTUN_ENCAP_DPORT, tunnel.port);
  }
  void operator()(const GpeTunnel& tunnel) const {
    put_be16(message, IFLA_VXLAN_PORT, tunnel.port);
    put_u8(message, IFLA_VXLAN_COLLECT_METADATA, 1);
    put(message, IFLA_VXLAN_GPE, {});
    put_u8(message, IFLA_VXLAN_LEARNING, 0);
  }
  void operator()(const FouSink&) const { put(message, IFLA_IPTUN_COLLECT_METADATA, {}); }
  void operator()(const OtherLink&) const {}
};

Message encode(const Link& link, int flags, std::uint32_t index) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  Message message = make_message(RTM_NEWLINK, flags, header);
  if (index == 0) {
    put_text(*message, IFLA_IFNAME, link.name);
    put_u32(*message, IFLA_GROUP, core::constants::tunnel_group);
  }
  put_u32(*message, IFLA_MTU, link.mtu);
  put_nest(*message, IFLA_LINKINFO, [&] {
    put_text(*message, IFLA_INFO_KIND, std::visit(TypeName(), link.body));
    put_nest(*message, IFLA_INFO_DATA, [&] { std::visit(PutData{*message}, link.body); });
  });
  return message;
}

Message encode_ready(std::uint32_t index) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  Message message = make_message(RTM_SETLINK, 0, header);
  put_nest(*message, IFLA_AF_SPEC, [&] {
    put_nest(*message, AF_INET, [&] {
      put_nest(*message, IFLA_INET_CONF, [&] {
        for (const auto& [number, value] : configuration) put_u32(*message, number, value);
      });
    });
  });
  return message;
}

// Where IPv6 is disabled the kernel refuses its part.
Message encode_no_link_local(std::uint32_t index) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  Message message = make_message(RTM_SETLINK, 0, header);
  put_nest(*message, IFLA_AF_SPEC, [&] {
    put_nest(*message, AF_INET6,
             [&] { put_u8(*message, IFLA_INET6_ADDR_GEN_MODE, no_link_local); });
  });
  return message;
}

Message encode_up(std::uint32_t index) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  return make_message(RTM_SETLINK, 0, header);
}

bool is_ready(const ifinfomsg& header, const Attributes& attributes) {
  const Attributes families(attributes[IFLA_AF_SPEC]);
  const ByteView values = Attributes(families[AF_INET])[IFLA_INET_CONF];
  bool configured = true;  // a kernel that does not say is believed
  for (const auto& [number, value] : configuration) {
    std::uint32_t now = 0;
    const std::size_t at = (number - 1U) * sizeof now;
    if (values.size() < at + sizeof now) continue;
    std::memcpy(&now, values.data() + at, sizeof now);
    configured = configured && now == value;
  }
  const Attributes ipv6(families[AF_INET6]);
  const auto mode = ipv6.u8(IFLA_INET6_ADDR_GEN_MODE).value_or(no_link_local);
  return (header.ifi_flags & IFF_UP) != 0 && configured && mode == no_link_local;
}

Link::Body read_body(const Attributes& info) {
  const std::string_view type = info.text(IFLA_INFO_KIND);
  const Attributes data(info[IFLA_INFO_DATA]);
  if (type == "vxlan") return GpeTunnel{data.be16(IFLA_VXLAN_PORT).value_or(0)};
  if (type != "ipip" && type != "ip6tnl") return OtherLink{std::string(type)};
  const Family family = type == "ipip" ? Family::ipv4 : Family::ipv6;
  if (data.has(IFLA_IPTUN_COLLECT_METADATA)) return FouSink{family};
  FouTunnel tunnel;
  tunnel.local = data.address(IFLA_IPTUN_LOCAL).value_or(unspecified(family));
  tunnel.remote = data.address(IFLA_IPTUN_REMOTE).value_or(unspecified(family));
  tunnel.ttl = data.u8(IFLA_IPTUN_TTL).value_or(0);
  if (data.u16(IFLA_IPTUN_ENCAP_TYPE) == TUNNEL_ENCAP_FOU) {
    tunnel.port = data.be16(IFLA_IPTUN_ENCAP_DPORT).value_or(0);
  }
  const std::uint16_t flags = data.u16(IFLA_IPTUN_ENCAP_FLAGS).value_or(0);
  tunnel.checksum = (flags & checksum_flags(tunnel)) != 0;
  return tunnel;
}

// The family of a device, of whomever, that sends FoU, or that takes what arrives from anywhere.
std::optional<Family> fou_device(const NetlinkMessage& message) {
  const auto header = header_in<ifinfomsg>(message);
  if (message.type != RTM_NEWLINK || !header) return std::nullopt;
  const Attributes info(Attributes(message, sizeof *header)[IFLA_LINKINFO]);
  const std::string_view kind = info.text(IFLA_INFO_KIND);
  if (kind != "ipip" && kind != "ip6tnl") return std::nullopt;
  const Attributes data(info[IFLA_INFO_DATA]);
  const bool fou = data.u16(IFLA_IPTUN_ENCAP_TYPE) == TUNNEL_ENCAP_FOU;
  if (!fou && !data.has(IFLA_IPTUN_COLLECT_METADATA)) return std::nullopt;
  return kind == "ipip" ? Family::ipv4 : Family::ipv6;
}

Answer make_ready(RequestSocket& socket, std::uint32_t index) {
  if (Answer answer = socket.request(*encode_ready(index)); !answer.ok()) return answer;
  static_cast<void>(socket.request(*encode_no_link_local(index)));
  return socket.request(*encode_up(index));
}

}  // namespace

std::optional<Link> decode_own_link(const NetlinkMessage& message) {
  const auto header = header_in<ifinfomsg>(message);
  if (message.type != RTM_NEWLINK || !header) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  if (attributes.u32(IFLA_GROUP) != core::constants::tunnel_group) return std::nullopt;
  Link link;
  link.name = attributes.text(IFLA_IFNAME);
  link.body = read_body(Attributes(attributes[IFLA_LINKINFO]));
  link.mtu = attributes.u32(IFLA_MTU).value_or(0);
  link.ready = is_ready(*header, attributes);
  return link;
}

Message encode_add_link(const Link& link) { return encode(link, NLM_F_CREATE | NLM_F_EXCL, 0); }

Message encode_change_link(const Link& link, std::uint32_t index) { return encode(link, 0, index); }

OwnLinks read_own_links(RequestSocket& socket) {
  OwnLinks links;
  const Message request = make_message(RTM_GETLINK, 0, ifinfomsg{});
  put_u32(*request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  std::vector<std::uint8_t> messages;
  const Answer answer = socket.dump(
      *request,
      [&](const NetlinkMessage& message) {
        if (decode_own_link(message)) return true;
        if (const auto family = fou_device(message)) links.foreign_fou.insert(*family);
        return false;
      },
      messages);
  if (!answer.ok()) {
    throw core::Error(kind_of(answer.error), "cannot list links: " + to_string(answer));
  }
  for_each_message(messages, [&](const NetlinkMessage& message) {
    Link link = *decode_own_link(message);
    std::string name = link.name;
    links.ours.emplace(std::move(name), std::move(link));
  });
  return links;
}

Answer add_link(RequestSocket& socket, const Link& link) {
  Answer answer = socket.request(*encode_add_link(link));
  if (answer.error == EEXIST && if_nametoindex(link.name.c_str()) != 0) {
    return {EEXIST, "a device of that name is there that is not pona's"};
  }
  if (!answer.ok()) return answer;
  const std::uint32_t index = if_nametoindex(link.name.c_str());
  return index == 0 ? Answer{ENODEV, {}} : make_ready(socket, index);
}

Answer change_link(RequestSocket& socket, const Link& link) {
  const std::uint32_t index = if_nametoindex(link.name.c_str());
  if (index == 0) return {ENODEV, {}};
  if (std::holds_alternative<FouTunnel>(link.body)) {
    Answer answer = socket.request(*encode_change_link(link, index));
    if (!answer.ok()) return answer;
  } else {
    // Their data cannot be changed, nor does anything of it differ.
    ifinfomsg header{};
    header.ifi_index = static_cast<int>(index);
    const Message message = make_message(RTM_SETLINK, 0, header);
    put_u32(*message, IFLA_MTU, link.mtu);
    if (Answer answer = socket.request(*message); !answer.ok()) return answer;
  }
  return make_ready(socket, index);
}

Answer delete_link(RequestSocket& socket, const Link& link) {
  const std::uint32_t index = if_nametoindex(link.name.c_str());
  if (index == 0) return {};
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(index);
  Answer answer = socket.request(*make_message(RTM_DELLINK, 0, header));
  return answer.error == ENODEV ? Answer{} : answer;
}

}  // namespace net
