#include "net/view/live_network.hpp"

#include <netinet/in.h>
#include <unistd.h>

#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <utility>

#include "core/error.hpp"
#include "net/conntrack.hpp"
#include "net/listeners.hpp"
#include "net/packet/live_ruleset.hpp"
#include "net/route/fou.hpp"
#include "net/sysctl.hpp"
#include "net/view/decode.hpp"
#include "net/view/ipsec.hpp"
#include "net/view/legacy_tables.hpp"

namespace net::view {
namespace {

using core::packet::Link;
using core::packet::Listening;
using core::packet::Neighbour;
using core::packet::RouteAnswer;
using core::packet::RouteQuery;

// More routes than a node has; who has the Internet's tables is told the kernel's answer alone.
constexpr std::size_t most_routes = 100'000;

void each(RequestSocket& socket, const Message& request, const std::string& what,
          const std::function<void(const NetlinkMessage&)>& visit) {
  std::vector<std::uint8_t> messages;
  const Answer answer = socket.dump(
      *request, [](const NetlinkMessage&) { return true; }, messages);
  if (!answer.ok()) {
    throw core::Error(kind_of(answer.error), "cannot list " + what + ": " + to_string(answer));
  }
  for_each_message(messages, visit);
}

}  // namespace

LiveNetwork::LiveNetwork(Namespace where) : where_(std::move(where)) {
  where_.run([&] { routes_ = std::make_unique<RequestSocket>(NETLINK_ROUTE); });
  read_links();
  read_addresses();
}

LiveNetwork::~LiveNetwork() = default;

void LiveNetwork::read_links() {
  const Message request = make_message(RTM_GETLINK, 0, ifinfomsg{});
  put_u32(*request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  each(*routes_, request, "interfaces", [&](const NetlinkMessage& message) {
    if (auto link = decode_link(message)) links_.push_back(std::move(*link));
  });
}

void LiveNetwork::read_addresses() {
  const Message request = make_message(RTM_GETADDR, 0, ifaddrmsg{});
  each(*routes_, request, "addresses", [&](const NetlinkMessage& message) {
    const auto address = decode_address(message);
    if (!address) return;
    const auto link = std::ranges::find_if(
        links_, [&](const Link& one) { return one.device.index == address->link; });
    if (link != links_.end()) link->addresses.push_back(address->address);
  });
}

core::packet::Ruleset& LiveNetwork::ruleset() {
  if (!ruleset_) where_.run([&] { ruleset_ = std::make_unique<LiveRuleset>(); });
  return *ruleset_;
}

std::string LiveNetwork::name_of(std::uint32_t index) {
  const Link* found = link(index);
  return found != nullptr ? found->device.name : "";
}

// "dev #3" is "dev eth0".
std::string LiveNetwork::with_names(std::string text) {
  const std::size_t at = text.find("dev #");
  if (at == std::string::npos) return text;
  std::uint32_t index = 0;
  const char* const first = text.data() + at + 5;
  const auto end = std::from_chars(first, text.data() + text.size(), index).ptr;
  const std::string name = name_of(index);
  if (!name.empty()) text.replace(at + 4, static_cast<std::size_t>(end - first) + 1, name);
  return text;
}

RouteAnswer LiveNetwork::ask(const RouteQuery& query, std::uint32_t flags) {
  rtmsg header{};
  header.rtm_family = address_family(query.destination.family());
  header.rtm_dst_len = static_cast<std::uint8_t>(8 * query.destination.size());
  header.rtm_tos = query.tos & 0x1c;  // IPTOS_RT_MASK
  header.rtm_flags = flags;
  if (query.source) header.rtm_src_len = header.rtm_dst_len;
  const Message request = make_message(RTM_GETROUTE, 0, header);
  put(*request, RTA_DST, query.destination.bytes());
  if (query.source) put(*request, RTA_SRC, query.source->bytes());
  if (query.in != 0) put_u32(*request, RTA_IIF, query.in);
  if (query.out != 0) put_u32(*request, RTA_OIF, query.out);
  if (query.mark != 0) put_u32(*request, RTA_MARK, query.mark);
  if (query.uid) put_u32(*request, RTA_UID, *query.uid);
  // Others are not taken there (rtm_getroute_parse_ip_proto).
  const bool icmps = query.protocol == IPPROTO_ICMP || query.protocol == IPPROTO_ICMPV6;
  if (query.protocol == IPPROTO_TCP || query.protocol == IPPROTO_UDP || icmps) {
    put_u8(*request, RTA_IP_PROTO, query.protocol);
  }
  if (query.protocol == IPPROTO_TCP || query.protocol == IPPROTO_UDP) {
    if (query.source_port != 0) put_be16(*request, RTA_SPORT, query.source_port);
    if (query.destination_port != 0) put_be16(*request, RTA_DPORT, query.destination_port);
  }
  RouteAnswer result;
  const Answer answer = routes_->get(*request, [&](const NetlinkMessage& message) {
    if (auto route = decode_route_answer(message)) result = std::move(*route);
  });
  result.error = answer.error;
  if (answer.ok() && result.type == 0) result.error = ENETUNREACH;
  return result;
}

const core::packet::RouteTables& LiveNetwork::tables() {
  if (tables_) return *tables_;
  tables_.emplace();
  each(*routes_, make_message(RTM_GETRULE, 0, rtmsg{}), "rules",
       [&](const NetlinkMessage& message) {
         if (auto rule = decode_rule(message)) tables_->rules.push_back(std::move(*rule));
       });
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    rtmsg header{};
    header.rtm_family = address_family(family);
    each(*routes_, make_message(RTM_GETROUTE, 0, header), "routes",
         [&](const NetlinkMessage& message) {
           if (tables_->routes.size() >= most_routes) return;
           auto route = decode_route(message);
           if (route) tables_->routes.push_back(std::move(*route));
         });
  }
  return *tables_;
}

// Where the kernel does not list them with the route (net.ipv4.nexthop_compat_mode=0).
std::vector<core::packet::NextHop> LiveNetwork::hops_of(std::uint32_t group) {
  const auto get = [&](std::uint32_t id) {
    NextHopObject object;
    const Message request = make_message(RTM_GETNEXTHOP, 0, nhmsg{});
    put_u32(*request, NHA_ID, id);
    static_cast<void>(routes_->get(*request, [&](const NetlinkMessage& message) {
      if (auto one = decode_next_hop(message)) object = std::move(*one);
    }));
    return object;
  };
  std::vector<core::packet::NextHop> hops;
  for (const auto& [id, weight] : get(group).group) {
    hops.push_back(get(id).hop);
    hops.back().weight = weight;
  }
  return hops;
}

RouteAnswer LiveNetwork::listed(const RouteQuery& query) {
  // l3mdev_update_flow()
  RouteQuery asked = query;
  const Link* const by = vrf_of(query.out != 0 ? query.out : query.in);
  if (by != nullptr && by->device.index == query.out) asked.out = 0;
  return tables().look_up(asked, name_of(query.in), name_of(query.out),
                          by != nullptr ? by->vrf_table : 0);
}

RouteAnswer LiveNetwork::route(const RouteQuery& query) {
  // IPv6 tells the table by itself, and takes no other flag (inet6_rtm_valid_getroute_req).
  const std::uint32_t table =
      query.destination.family() == core::Family::ipv4 ? RTM_F_LOOKUP_TABLE : 0;
  RouteAnswer result = ask(query, table);
  if (result.error == 0) {
    // The route itself: without, the answer is about this one address.
    const RouteAnswer matched = ask(query, RTM_F_FIB_MATCH | table);
    if (matched.error == 0 && !matched.text.empty()) {
      result.text = matched.text;
      if (!result.encap_remote) {
        result.encap_remote = matched.encap_remote;
        result.encap_local = matched.encap_local;
        result.encap_id = matched.encap_id;
      }
      if (result.mtu == 0) result.mtu = matched.mtu;
      result.hops = matched.hops;
      if (result.hops.empty() && matched.group != 0 && matched.device == 0) {
        result.hops = hops_of(matched.group);
      }
    }
  } else {
    const RouteAnswer found = listed(query);
    // Only what refuses is told: the kernel's own answer holds.
    if (found.error == result.error && found.type != 0) {
      result.type = found.type;
      result.text = found.text;
    }
  }
  result.text = with_names(result.text);
  return result;
}

void LiveNetwork::read_neighbours() {
  if (neighbours_) return;
  neighbours_.emplace();
  each(*routes_, make_message(RTM_GETNEIGH, 0, ndmsg{}), "neighbours",
       [&](const NetlinkMessage& message) {
         if (const auto one = decode_neighbour(message)) {
           neighbours_->push_back({{one->link, one->address}, one->neighbour});
         }
       });
  std::ranges::sort(*neighbours_, {}, [](const auto& one) { return one.first; });
}

Neighbour LiveNetwork::neighbour(std::uint32_t device, const core::Address& address) {
  read_neighbours();
  const auto key = std::pair(device, address);
  const auto found =
      std::ranges::lower_bound(*neighbours_, key, {}, [](const auto& one) { return one.first; });
  return found != neighbours_->end() && found->first == key ? found->second : Neighbour();
}

std::optional<std::int64_t> LiveNetwork::sysctl(const std::string& name) {
  const auto known = sysctls_.find(name);
  if (known != sysctls_.end()) return known->second;
  std::optional<std::string> text;
  where_.run([&] { text = read_sysctl(name); });
  std::optional<std::int64_t> value;
  if (text) {
    std::int64_t number = 0;
    const auto end = std::from_chars(text->data(), text->data() + text->size(), number);
    if (end.ec == std::errc()) value = number;
  }
  return sysctls_.emplace(name, value).first->second;
}

std::optional<core::packet::Connection> LiveNetwork::connection(
    const core::packet::FlowTuple& tuple) {
  if (!netfilter_)
    where_.run([&] { netfilter_ = std::make_unique<RequestSocket>(NETLINK_NETFILTER); });
  std::optional<core::packet::Connection> result;
  const Message request = encode_get_connection(tuple);
  const Answer answer = netfilter_->get(*request, [&](const NetlinkMessage& message) {
    if (const auto one = decode_connection(message)) result = one;
  });
  return answer.ok() ? result : std::nullopt;
}

Listening LiveNetwork::listens(std::uint8_t protocol, const core::Address& address,
                               std::uint16_t port) {
  if (!listeners_ && !listeners_unknown_) {
    try {
      where_.run([&] { listeners_ = read_listeners(); });
    } catch (const core::Error&) {
      listeners_unknown_ = true;
    }
  }
  if (listeners_unknown_) return Listening::unknown;
  // Where the kernel has no SCTP, programs may have it by themselves.
  if (protocol == IPPROTO_SCTP) {
    bool known = false;
    where_.run([&] { known = access("/proc/thread-self/net/sctp", F_OK) == 0; });
    if (!known) return Listening::unknown;
  }
  const core::Address any = unspecified(address.family());
  for (auto at = listeners_->lower_bound(core::lowest(port));
       at != listeners_->end() && at->port == port; ++at) {
    if (static_cast<std::uint8_t>(at->protocol) != protocol) continue;
    if (at->address == any || at->address == address) return Listening::yes;
  }
  return Listening::no;
}

const std::vector<core::packet::Network::FouPort>& LiveNetwork::fou_ports() {
  if (!fou_ports_) {
    fou_ports_.emplace();
    where_.run([&] {
      Fou fou;
      if (!fou.available()) return;
      for (const core::FouPort& port : fou.read()) {
        fou_ports_->push_back(
            {port.port, static_cast<std::uint8_t>(
                            port.family == core::Family::ipv4 ? IPPROTO_IPIP : IPPROTO_IPV6)});
      }
    });
  }
  return *fou_ports_;
}

std::vector<core::packet::Opaque> LiveNetwork::opaque(core::packet::Hook hook,
                                                      const core::packet::Packet& packet,
                                                      const core::packet::Context& context) {
  if (!legacy_) legacy_ = std::make_unique<LegacyTables>(where_);
  std::vector<core::packet::Opaque> result = legacy_->ask(hook, packet, context);
  if (!ipvs_) {
    where_.run([&] {
      std::ifstream services("/proc/thread-self/net/ip_vs");
      std::string line;
      // Three lines of headings.
      for (int i = 0; i < 3; ++i) std::getline(services, line);
      ipvs_ = static_cast<bool>(std::getline(services, line));
    });
  }
  if (*ipvs_ && hook == core::packet::Hook::input) {
    result.push_back({"IPVS, which sends what is for its services to others",
                      core::packet::Opaque::Opinion::unknown, "ipvsadm -L -n"});
  }
  return result;
}

const std::vector<core::packet::IpsecPolicy>& LiveNetwork::ipsec() {
  if (!ipsec_) {
    ipsec_.emplace();
    try {
      where_.run([&] { ipsec_ = read_ipsec(); });
    } catch (const core::Error&) {
      // Who may not ask is told so of the rules.
    }
  }
  return *ipsec_;
}

std::optional<core::packet::FoundSocket> LiveNetwork::find_socket(
    const core::packet::Packet& packet, const core::packet::Context& context,
    const std::optional<core::Address>& address, std::uint16_t port) {
  if (packet.protocol != IPPROTO_TCP && packet.protocol != IPPROTO_UDP) return std::nullopt;
  core::Address local = address.value_or(packet.destination);
  const Link* const in = context.in ? link(context.in->index) : nullptr;
  if (!address && in != nullptr) {
    // nf_tproxy_laddr4()
    const auto own = std::ranges::find_if(in->addresses, [&](const auto& one) {
      return one.prefix.family() == packet.family && !one.secondary;
    });
    if (own != in->addresses.end()) local = own->prefix.address;
  }
  if (!sockets_) where_.run([&] { sockets_ = std::make_unique<RequestSocket>(NETLINK_SOCK_DIAG); });
  std::optional<SocketOptions> options;
  const Message request =
      encode_find_socket(static_cast<core::Protocol>(packet.protocol), packet.source,
                         packet.source_port, local, port, in != nullptr ? in->device.index : 0);
  const Answer answer = sockets_->get(
      *request, [&](const NetlinkMessage& message) { options = decode_socket_options(message); });
  if (answer.error == ENOENT) return core::packet::FoundSocket{};
  if (!answer.ok() || !options) return std::nullopt;
  return core::packet::FoundSocket{true, options->transparent, options->wildcard, options->mark};
}

core::packet::Network::Fill LiveNetwork::conntrack_fill() {
  if (!fill_) {
    where_.run([&] {
      const Kernel::ConntrackFill fill = read_conntrack_fill();
      fill_ = Fill{fill.entries, fill.limit};
    });
  }
  return *fill_;
}

std::optional<std::int32_t> LiveNetwork::id_of(const Namespace& peer) {
  const Message request = make_message(RTM_GETNSID, 0, rtgenmsg{});
  put_u32(*request, NETNSA_FD, static_cast<std::uint32_t>(peer.fd()));
  std::optional<std::int32_t> id;
  const Answer answer = routes_->get(*request, [&](const NetlinkMessage& message) {
    const Attributes attributes(message, NLMSG_ALIGN(sizeof(rtgenmsg)));
    const auto value = attributes.u32(NETNSA_NSID);
    if (value && static_cast<std::int32_t>(*value) >= 0) id = static_cast<std::int32_t>(*value);
  });
  return answer.ok() ? id : std::nullopt;
}

}  // namespace net::view
