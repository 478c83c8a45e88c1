#include "net/route/route.hpp"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/constants.hpp"
#include "core/host.hpp"
#include "net/route/encapsulation.hpp"

namespace net {
namespace {

using core::constants::edge_protocol;

// The gateway: RTA_GATEWAY of the route's own family, RTA_VIA (family, address) of the other.
std::optional<core::Address> gateway_of(const Attributes& attributes) {
  if (attributes.has(RTA_GATEWAY)) return attributes.address(RTA_GATEWAY);
  const auto via = attributes[RTA_VIA];
  if (via.size() != 2 + 4 && via.size() != 2 + 16) return std::nullopt;
  return core::Address(via.subspan(2));
}

std::vector<KernelRoute::Hop> hops_of(const Attributes& attributes) {
  auto rest = attributes[RTA_MULTIPATH];
  if (rest.empty()) return {{attributes.u32(RTA_OIF).value_or(0), gateway_of(attributes)}};
  std::vector<KernelRoute::Hop> hops;
  while (rest.size() >= sizeof(rtnexthop)) {
    rtnexthop hop{};
    std::memcpy(&hop, rest.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > rest.size()) break;
    const Attributes inner(rest.subspan(sizeof hop, hop.rtnh_len - sizeof hop));
    hops.push_back({static_cast<std::uint32_t>(hop.rtnh_ifindex), gateway_of(inner)});
    rest = rest.subspan(std::min<std::size_t>(RTNH_ALIGN(hop.rtnh_len), rest.size()));
  }
  return hops;
}

std::uint8_t type_of(core::Route::Type type) {
  switch (type) {
    case core::Route::Type::unreachable:
      return RTN_UNREACHABLE;
    case core::Route::Type::throw_:
      return RTN_THROW;
    case core::Route::Type::unicast:
      break;
  }
  return RTN_UNICAST;
}

std::optional<core::Route::Type> parse_type(std::uint8_t type) {
  if (type == RTN_UNICAST) return core::Route::Type::unicast;
  if (type == RTN_UNREACHABLE) return core::Route::Type::unreachable;
  if (type == RTN_THROW) return core::Route::Type::throw_;
  return std::nullopt;
}

// The kernel says what is the default of IPv6; of IPv4 it is 0 (linux/ipv6_route.h,
// IP6_RT_PRIO_USER).
constexpr std::uint32_t ipv6_default_metric = 1024;

Message encode(int type, int flags, rtmsg header, const core::Route& route, std::uint32_t device) {
  header.rtm_family = address_family(route.destination.family());
  header.rtm_dst_len = route.destination.length;
  header.rtm_table = RT_TABLE_UNSPEC;  // RTA_TABLE has it: ours do not fit a byte
  header.rtm_protocol = edge_protocol;
  Message message = make_message(type, flags, header);
  put_u32(*message, RTA_TABLE, route.table);
  if (route.destination.length > 0) {
    put(*message, RTA_DST, route.destination.masked().address.bytes());
  }
  if (route.metric != 0) put_u32(*message, RTA_PRIORITY, route.metric);
  if (device != 0) put_u32(*message, RTA_OIF, device);
  if (route.nexthop != 0) put_u32(*message, RTA_NH_ID, route.nexthop);
  if (route.encapsulation) {
    put_encapsulation(*message, RTA_ENCAP_TYPE, RTA_ENCAP, *route.encapsulation);
  }
  if (route.source) put(*message, RTA_PREFSRC, route.source->bytes());
  if (!route.gateway) return message;
  if (route.gateway->family() == route.destination.family()) {
    put(*message, RTA_GATEWAY, route.gateway->bytes());
  } else {
    std::vector<std::uint8_t> via(2);
    const std::uint16_t family = address_family(route.gateway->family());
    std::memcpy(via.data(), &family, sizeof family);
    via.insert(via.end(), route.gateway->bytes().begin(), route.gateway->bytes().end());
    put(*message, RTA_VIA, via);
  }
  return message;
}

// Routes of both families that fit, with `use` called for each.
template <typename Use>
void read(RequestSocket& socket, std::uint32_t table, std::uint8_t protocol, const char* what,
          const std::function<bool(const KernelRoute&)>& wanted, Use use) {
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    const Message request = encode_dump_routes(family, table, protocol);
    std::vector<std::uint8_t> messages;
    const Answer answer = socket.dump(
        *request,
        [&](const NetlinkMessage& message) {
          const auto route = decode_route(message);
          return route && wanted(*route);
        },
        messages);
    // ENOENT: nobody has put a route into that table yet. EOPNOTSUPP: the family is not compiled
    // in.
    if (answer.error == ENOENT || answer.error == EOPNOTSUPP || answer.error == EAFNOSUPPORT) {
      continue;
    }
    if (!answer.ok()) {
      throw core::Error(kind_of(answer.error),
                        std::string("cannot list ") + what + ": " + to_string(answer));
    }
    for_each_message(messages, [&](const NetlinkMessage& message) { use(*decode_route(message)); });
  }
}

}  // namespace

std::optional<KernelRoute> decode_route(const NetlinkMessage& message) {
  const auto header = header_in<rtmsg>(message);
  if (message.type != RTM_NEWROUTE || !header) return std::nullopt;
  const auto family = parse_address_family(header->rtm_family);
  if (!family || (header->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;

  const Attributes attributes(message, sizeof *header);
  const core::Address destination = attributes.address(RTA_DST).value_or(unspecified(*family));
  if (destination.family() != *family || header->rtm_dst_len > destination.size() * 8) {
    return std::nullopt;
  }
  return KernelRoute{
      .table = attributes.u32(RTA_TABLE).value_or(header->rtm_table),
      .protocol = header->rtm_protocol,
      .destination = {destination, header->rtm_dst_len},
      .metric = attributes.u32(RTA_PRIORITY).value_or(0),
      .hops = hops_of(attributes),
      .mtu = Attributes(attributes[RTA_METRICS]).u32(RTAX_MTU).value_or(0),
      .type = header->rtm_type,
      .nexthop = attributes.u32(RTA_NH_ID).value_or(0),
      .encapsulation = read_encapsulation(attributes, RTA_ENCAP_TYPE, RTA_ENCAP),
      .source = attributes.has(RTA_PREFSRC) ? attributes.address(RTA_PREFSRC) : std::nullopt};
}

namespace {

rtmsg header_of(const core::Route& route) {
  rtmsg header{};
  header.rtm_type = type_of(route.type);
  const bool link = route.type == core::Route::Type::unicast && !route.gateway &&
                    route.nexthop == 0 && route.destination.family() == core::Family::ipv4;
  header.rtm_scope = link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  return header;
}

}  // namespace

Message encode_replace_route(const core::Route& route, std::uint32_t device) {
  return encode(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, header_of(route), route, device);
}

Message encode_add_route(const core::Route& route, std::uint32_t device) {
  rtmsg header = header_of(route);
  // The planner has chosen the gateway; clouds hand out /32 addresses, whose gateway is in no
  // subnet.
  if (route.gateway) header.rtm_flags = RTNH_F_ONLINK;
  // Neither EXCL nor REPLACE: the new route goes ahead of one to another gateway, ours or foreign,
  // and what must go is deleted by a change of its own. So there is always one. In IPv6 it goes
  // behind, or shares with the other: where all of the table is ours, it takes the place of that.
  const int ahead = core::KindOf<core::Route>::replaces(route, route) ? NLM_F_REPLACE : 0;
  return encode(RTM_NEWROUTE, NLM_F_CREATE | ahead, header, route, device);
}

Message encode_delete_route(const core::Route& route, std::uint32_t device) {
  rtmsg header{};
  header.rtm_type =
      route.type == core::Route::Type::unicast ? std::uint8_t{RTN_UNSPEC} : type_of(route.type);
  header.rtm_scope = RT_SCOPE_NOWHERE;  // any
  return encode(RTM_DELROUTE, 0, header, route, device);
}

Message encode_dump_routes(core::Family family, std::uint32_t table, std::uint8_t protocol) {
  rtmsg header{};
  header.rtm_family = address_family(family);
  header.rtm_protocol = protocol;
  Message message = make_message(RTM_GETROUTE, 0, header);
  if (table != 0) put_u32(*message, RTA_TABLE, table);
  return message;
}

std::set<core::Route> read_routes(RequestSocket& socket, const core::Scope& scope) {
  std::set<core::Route> routes;
  read(
      socket, 0, scope.protocol, "routes",
      [&](const KernelRoute& route) {
        return route.protocol == scope.protocol && scope.has_table(route.table);
      },
      [&](const KernelRoute& route) {
        const auto type = parse_type(route.type);
        if (!type) return;
        const bool ipv6 = route.destination.family() == core::Family::ipv6;
        core::Route ours{.table = route.table,
                         .destination = route.destination,
                         .metric = ipv6 && route.metric == ipv6_default_metric ? 0 : route.metric,
                         .type = *type,
                         .nexthop = route.nexthop,
                         .encapsulation = route.encapsulation,
                         .source = route.source};
        // What next hop objects lead over is theirs; other types go over lo, as IPv6 has it.
        if (route.nexthop != 0 || *type != core::Route::Type::unicast) {
          ours.encapsulation.reset();
          routes.insert(std::move(ours));
          return;
        }
        for (const KernelRoute::Hop& hop : route.hops) {
          char name[IF_NAMESIZE] = "";  // stays so for a route without a device
          if_indextoname(hop.device, name);
          ours.gateway = hop.gateway;
          ours.device = name;
          routes.insert(ours);
        }
      });
  return routes;
}

MainRoutes read_main_routes(RequestSocket& socket, const std::set<std::uint32_t>& followed) {
  MainRoutes result;
  std::size_t count = 0;
  const auto follows = [&](const KernelRoute& route) {
    return route.type == RTN_UNICAST && !route.encapsulation &&
           std::ranges::any_of(route.hops, [&](const KernelRoute::Hop& hop) {
             return followed.contains(hop.device);
           });
  };
  read(
      socket, RT_TABLE_MAIN, 0, "routes of table main",
      [&](const KernelRoute& route) {
        if (route.table != RT_TABLE_MAIN) return false;
        if (route.destination.length == 0 || route.mtu != 0) return true;
        return follows(route) && ++count <= core::most_main_routes;
      },
      [&](KernelRoute route) {
        if (route.mtu != 0 && (result.smallest_mtu == 0 || route.mtu < result.smallest_mtu)) {
          result.smallest_mtu = route.mtu;
        }
        if (route.destination.length == 0) {
          result.defaults.push_back(std::move(route));
        } else if (follows(route)) {
          result.others.push_back(std::move(route));
        }
      });
  result.too_many = count > core::most_main_routes;
  if (result.too_many) result.others.clear();
  std::ranges::stable_sort(result.defaults, {}, &KernelRoute::metric);
  std::ranges::stable_sort(result.others, {}, &KernelRoute::metric);
  return result;
}

namespace {

// 0: it has none. Nothing: there is no such device.
std::optional<std::uint32_t> device_of(const core::Route& route) {
  if (route.device.empty()) return 0;
  const std::uint32_t device = if_nametoindex(route.device.c_str());
  return device == 0 ? std::nullopt : std::optional(device);
}

}  // namespace

Answer add_route(RequestSocket& socket, const core::Route& route) {
  const auto device = device_of(route);
  if (!device) return {ENODEV, {}};
  const Answer answer = socket.request(*encode_add_route(route, *device));
  return answer.error == EEXIST ? Answer{} : answer;
}

Answer replace_route(RequestSocket& socket, const core::Route& route) {
  const auto device = device_of(route);
  if (!device) return {ENODEV, {}};
  return socket.request(*encode_replace_route(route, *device));
}

Answer delete_route(RequestSocket& socket, const core::Route& route) {
  const auto device = device_of(route);
  if (!device) return {};  // its routes went with it
  const Answer answer = socket.request(*encode_delete_route(route, *device));
  const bool gone = answer.error == ESRCH || answer.error == ENOENT || answer.error == ENODEV;
  return gone ? Answer{} : answer;
}

}  // namespace net
