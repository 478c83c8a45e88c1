#include "net/network_events.hpp"

#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include "core/constants.hpp"
#include "core/error.hpp"
#include "net/netlink/message.hpp"
#include "net/route/route.hpp"
#include "net/route/rule.hpp"

namespace net {
namespace {

using namespace core::constants;

constexpr RouteEvents everything{.host = true, .routing = true, .main_routes = true};

bool leads_by(const NetlinkMessage& message, const std::set<std::uint32_t>& devices) {
  const Attributes attributes(message, sizeof(rtmsg));
  if (const auto device = attributes.u32(RTA_OIF)) return devices.contains(*device);
  return !devices.empty();  // several hops, or a next hop object
}

RouteEvents classify_route(const NetlinkMessage& message, const core::Scope& scope,
                           const std::set<std::uint32_t>& followed) {
  const auto header = header_in<rtmsg>(message);
  if (!header) return {};
  const bool removed = message.type == RTM_DELROUTE;
  RouteEvents events;
  if (header->rtm_table == RT_TABLE_MAIN &&
      (header->rtm_dst_len == 0 || Attributes(message, sizeof *header).has(RTA_METRICS) ||
       leads_by(message, followed))) {
    events.host = events.main_routes = true;
  }
  const bool ours = removed && header->rtm_protocol == scope.protocol;
  // Somebody put another route in the place of one of ours: told as a new route only.
  const bool replaced = !removed && (message.flags & NLM_F_REPLACE) != 0;
  if (ours || replaced) {
    const auto table = Attributes(message, sizeof *header).u32(RTA_TABLE);
    events.routing = scope.has_table(table.value_or(header->rtm_table));
  }
  return events;
}

// Offsets in a notification: the netlink header, then the family's.
constexpr std::uint32_t at_type = offsetof(nlmsghdr, nlmsg_type);
constexpr std::uint32_t at_flags = offsetof(nlmsghdr, nlmsg_flags);
constexpr std::uint32_t at_length = NLMSG_HDRLEN + offsetof(rtmsg, rtm_dst_len);
constexpr std::uint32_t at_table = NLMSG_HDRLEN + offsetof(rtmsg, rtm_table);
constexpr std::uint32_t at_protocol = NLMSG_HDRLEN + offsetof(rtmsg, rtm_protocol);

// The packet filter reads numbers as big-endian; netlink has them in host order.
constexpr std::uint32_t swapped(std::uint32_t value) {
  return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ((value & 0xff) << 8 | value >> 8) : value;
}

constexpr std::uint32_t swapped_word(std::uint32_t value) {
  return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(value) : value;
}

// Drops, in the kernel, notifications about routes that classify() would ignore; all else passes.
// A coarse copy of classify_route(): what passes is judged there.
std::vector<sock_filter> route_filter(const std::set<std::uint32_t>& followed) {
  constexpr sock_filter pass = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
  constexpr sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  std::vector<sock_filter> program;
  const auto add = [&](std::initializer_list<sock_filter> steps) {
    program.insert(program.end(), steps);
  };
  // Goes on behind the next step unless the loaded value is this one.
  const auto unless = [](std::uint32_t value) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
  };
  const auto load_offset_of = [&](std::uint32_t attribute) {
    add({BPF_STMT(BPF_LD | BPF_IMM, NLMSG_HDRLEN + sizeof(rtmsg)),
         BPF_STMT(BPF_LDX | BPF_IMM, attribute),
         BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                  static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_NLATTR))});
  };
  add({BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at_type),
       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, swapped(RTM_NEWROUTE), 2, 0),
       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, swapped(RTM_DELROUTE), 1, 0), pass});
  add({BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at_protocol), unless(edge_protocol), pass});
  // Others than main may be ours, most with their number in RTA_TABLE.
  add({BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at_table),
       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RT_TABLE_MAIN, 4, 0),
       BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at_flags),
       BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, swapped(NLM_F_REPLACE), 0, 1), pass, drop});
  add({BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at_length), unless(0), pass});
  load_offset_of(RTA_METRICS);
  add({BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), pass});
  if (!followed.empty()) {
    load_offset_of(RTA_OIF);
    add({unless(0), pass});  // several hops, or a next hop object
    add({BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_W | BPF_IND, NLA_HDRLEN)});
    for (const std::uint32_t device : followed) add({unless(swapped_word(device)), pass});
  }
  add({drop});
  return program;
}

void attach_filter(int fd, const std::set<std::uint32_t>& followed = {}) {
  std::vector<sock_filter> program = route_filter(followed);
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    throw core::Error(core::Error::Kind::permanent,
                      "cannot filter route notifications: " + error_text(errno));
  }
}

// Who asks by netlink has a port; what the kernel does by itself has none.
bool meddles(const NetlinkMessage& message) {
  const bool takes = message.type == RTM_DELRULE || message.type == RTM_DELROUTE ||
                     (message.type == RTM_NEWROUTE && (message.flags & NLM_F_REPLACE) != 0);
  return takes && message.port != 0;
}

}  // namespace

RouteEvents& RouteEvents::operator|=(const RouteEvents& other) {
  host |= other.host;
  routing |= other.routing;
  main_routes |= other.main_routes;
  return *this;
}

RouteEvents classify(const NetlinkMessage& message, const core::Scope& scope,
                     std::uint32_t own_port, const std::set<std::uint32_t>& followed) {
  if (message.port == own_port) return {};
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const auto header = header_in<ifinfomsg>(message);
      // Other families tell of bridge ports.
      if (!header || header->ifi_family != AF_UNSPEC) return {};
      // Tunnels of pona say nothing of the host; whose they are may only miss them.
      if (Attributes(message, sizeof *header).u32(IFLA_GROUP) == tunnel_group) {
        const bool made = header->ifi_change == ~0U;  // is told of before it is up
        const bool down = (header->ifi_flags & IFF_UP) == 0 && !made;
        return {.routing = scope.links() && (down || message.type == RTM_DELLINK)};
      }
      // IPv4 routes of an interface that goes down vanish without a word of their own.
      const bool down = message.type == RTM_DELLINK || (header->ifi_flags & IFF_UP) == 0;
      return down ? everything : RouteEvents{.host = true};
    }
    case RTM_NEWADDR:
      return {.host = true};
    case RTM_DELADDR:  // likewise for the last address of an interface
      return everything;
    case RTM_DELNEXTHOP:  // routes over it go with it
      return {.host = true, .routing = scope.links(), .main_routes = true};
    case RTM_NEWNEXTHOP:
      return {.host = true, .main_routes = true};
    case RTM_NEWNETCONF:  // rp_filter, forwarding
      return {.host = true, .routing = true};
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return classify_route(message, scope, followed);
    case RTM_DELRULE:
      return {.routing = decode_rule(message, scope).has_value()};
    default:
      return {};
  }
}

RouteMonitor::RouteMonitor(core::Scope scope, std::uint32_t own_port)
    : socket_(NETLINK_ROUTE), scope_(std::move(scope)), own_port_(own_port) {
  attach_filter(socket_.fd());
  for (const std::uint32_t group :
       {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_NETCONF,
        RTNLGRP_IPV6_NETCONF}) {
    socket_.join(group);
  }
  // Since 5.3; without it there are no next hop objects to hear of.
  const int nexthops = RTNLGRP_NEXTHOP;
  setsockopt(socket_.fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &nexthops, sizeof nexthops);
}

bool RouteMonitor::pending() const {
  pollfd ready{socket_.fd(), POLLIN, 0};
  return poll(&ready, 1, 0) != 0;
}

bool RouteMonitor::follow(std::set<std::uint32_t> devices) {
  if (devices == followed_) return false;
  attach_filter(socket_.fd(), devices);
  followed_ = std::move(devices);
  return true;
}

RouteEvents RouteMonitor::drain() {
  RouteEvents events;
  for (;;) {
    const NetlinkSocket::Received received = socket_.receive(false);
    if (received.error == EAGAIN) return events;
    if (received.error == ENOBUFS) {
      events |= everything;  // some were lost, nobody knows which
      continue;
    }
    if (received.error != 0) {
      throw core::Error(core::Error::Kind::permanent,
                        "cannot read route notifications: " + error_text(received.error));
    }
    for_each_message(received.bytes, [&](const NetlinkMessage& message) {
      const RouteEvents news = classify(message, scope_, own_port_, followed_);
      if (news.routing && meddles(message)) {
        core::Meddler process = process_of(message.port);
        if (!meddler_ || !process.process.empty()) meddler_ = std::move(process);
      }
      events |= news;
    });
  }
}

PathMonitor::PathMonitor()
    : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
  const auto check = [](bool good) {
    if (good) return;
    throw core::Error(core::Error::Kind::permanent,
                      "cannot hear of links and routes: " + error_text(errno));
  };
  check(fd_.get() >= 0);
  attach_filter(fd_.get());
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  check(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  for (const int group :
       {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE}) {
    check(setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0);
  }
}

bool PathMonitor::drain() {
  constexpr std::uint32_t nobody = 0xffffffff;  // a port that no socket has
  static const core::Scope scope = core::client_scope();
  // Each pass has a socket of its own, so what it makes is told by its protocol. That it took
  // something away looks like anybody's doing, and costs one look at what is in order.
  const auto is_made_here = [](const NetlinkMessage& message) {
    const auto header = header_in<rtmsg>(message);
    return message.type == RTM_NEWROUTE && header && header->rtm_protocol == scope.protocol;
  };
  bool news = false;
  std::array<std::uint8_t, 8192> buffer;
  for (;;) {
    const ssize_t size = receive_from_kernel(fd_.get(), buffer, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EWOULDBLOCK) return news;
    // What is lost or cut off may have been anything.
    if (size < 0 && errno != ENOBUFS) return true;
    if (size < 0 || static_cast<std::size_t>(size) > buffer.size()) {
      news = true;
      continue;
    }
    for_each_message(ByteView(buffer).first(static_cast<std::size_t>(size)),
                     [&](const NetlinkMessage& message) {
                       if (is_made_here(message)) return;
                       const RouteEvents events = classify(message, scope, nobody);
                       news = news || events.host || events.routing;
                     });
  }
}

}  // namespace net
