#include "net/link.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <new>

#include "core/error.hpp"

namespace net {
namespace {

using Message = std::unique_ptr<nl_msg, void (*)(nl_msg*)>;

template <typename Header>
void append(nl_msg* message, Header header) {
  if (nlmsg_append(message, &header, sizeof header, NLMSG_ALIGNTO) < 0) throw std::bad_alloc();
}

template <typename Header>
Message make(int type, int flags, const Header& header) {
  Message message(nlmsg_alloc_simple(type, flags), nlmsg_free);
  if (!message) throw std::bad_alloc();
  append(message.get(), header);
  return message;
}

void put(nl_msg* message, int attribute, const void* data, std::size_t size) {
  if (nla_put(message, attribute, static_cast<int>(size), data) < 0) throw std::bad_alloc();
}
void put(nl_msg* message, int attribute, const std::string& text) {
  put(message, attribute, text.c_str(), text.size() + 1);
}
void put(nl_msg* message, int attribute, std::uint32_t value) {
  put(message, attribute, &value, sizeof value);
}
void put(nl_msg* message, int attribute, const core::Address& address) {
  put(message, attribute, address.bytes().data(), address.size());
}

void nest(nl_msg* message, int attribute, const std::function<void()>& inside) {
  nlattr* start = nla_nest_start(message, attribute);
  if (start == nullptr) throw std::bad_alloc();
  inside();
  nla_nest_end(message, start);
}

unsigned char family_of(const core::Address& address) {
  return address.family() == core::Family::ipv4 ? AF_INET : AF_INET6;
}

// One request and its acknowledgement; `reply` sees what comes before that. Returns an errno value:
// libnl's own error codes tell less than the kernel did.
int transact(nl_sock* socket, nl_msg* message, const std::function<void(nlmsghdr*)>& reply = {}) {
  struct Outcome {
    const std::function<void(nlmsghdr*)>& reply;
    int error = 0;
    bool done = false;
  } outcome{reply};
  const std::unique_ptr<nl_cb, void (*)(nl_cb*)> callbacks(nl_cb_alloc(NL_CB_DEFAULT), nl_cb_put);
  if (!callbacks) throw std::bad_alloc();
  nl_cb_err(
      callbacks.get(), NL_CB_CUSTOM,
      [](sockaddr_nl*, nlmsgerr* answer, void* to) -> int {
        static_cast<Outcome*>(to)->error = -answer->error;
        static_cast<Outcome*>(to)->done = true;
        return NL_STOP;
      },
      &outcome);
  nl_cb_set(
      callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM,
      [](nl_msg*, void* to) -> int {
        static_cast<Outcome*>(to)->done = true;
        return NL_STOP;
      },
      &outcome);
  nl_cb_set(
      callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM,
      [](nl_msg* answer, void* to) -> int {
        const Outcome& wanted = *static_cast<Outcome*>(to);
        if (wanted.reply) wanted.reply(nlmsg_hdr(answer));
        return NL_OK;
      },
      &outcome);

  nlmsg_hdr(message)->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  if (nl_send_auto(socket, message) < 0) return EIO;
  while (!outcome.done) {
    if (nl_recvmsgs(socket, callbacks.get()) < 0 && !outcome.done) return EIO;
  }
  return outcome.error;
}

void expect(int error, const std::string& what) {
  if (error == 0) return;
  throw core::Error(core::Error::Kind::permanent,
                    "cannot " + what + ": the kernel answered \"" + std::strerror(error) + '"');
}

}  // namespace

Links::Links(const Namespace& where)
    : where_(where.path().substr(where.path().rfind('/') + 1)),
      socket_(nl_socket_alloc(), nl_socket_free) {
  if (!socket_) throw std::bad_alloc();
  where.run([&] {
    expect(nl_connect(socket_.get(), NETLINK_ROUTE) < 0 ? errno : 0,
           "open a route socket in " + where_);
  });
}

Links::~Links() = default;

void Links::add_veth(const std::string& name, const Namespace& there, const std::string& peer) {
  const Message message = make(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  nl_msg* out = message.get();
  put(out, IFLA_IFNAME, name);
  nest(out, IFLA_LINKINFO, [&] {
    put(out, IFLA_INFO_KIND, "veth");
    nest(out, IFLA_INFO_DATA, [&] {
      nest(out, VETH_INFO_PEER, [&] {
        append(out, ifinfomsg{});
        put(out, IFLA_IFNAME, peer);
        put(out, IFLA_NET_NS_FD, static_cast<std::uint32_t>(there.fd()));
      });
    });
  });
  expect(transact(socket_.get(), out), "add the veth pair " + name + " of " + where_);
}

void Links::add_bridge(const std::string& name) {
  const Message message = make(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  put(message.get(), IFLA_IFNAME, name);
  nest(message.get(), IFLA_LINKINFO, [&] { put(message.get(), IFLA_INFO_KIND, "bridge"); });
  expect(transact(socket_.get(), message.get()), "add the bridge " + name + " of " + where_);
}

void Links::set_bridge(const std::string& port, const std::string& bridge) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(get(port).index);
  const Message message = make(RTM_NEWLINK, 0, header);
  put(message.get(), IFLA_MASTER, get(bridge).index);
  expect(transact(socket_.get(), message.get()),
         "make " + port + " of " + where_ + " a port of " + bridge);
}

void Links::set_up(const std::string& name, bool up) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(get(name).index);
  header.ifi_change = IFF_UP;
  if (up) header.ifi_flags = IFF_UP;
  const Message message = make(RTM_NEWLINK, 0, header);
  expect(transact(socket_.get(), message.get()),
         "set " + name + " of " + where_ + (up ? " up" : " down"));
}

void Links::add_address(const std::string& name, const core::Prefix& address) {
  change_address(name, address, true);
}

void Links::remove_address(const std::string& name, const core::Prefix& address) {
  change_address(name, address, false);
}

void Links::change_address(const std::string& name, const core::Prefix& address, bool add) {
  ifaddrmsg header{};
  header.ifa_family = family_of(address.address);
  header.ifa_prefixlen = address.length;
  header.ifa_flags = IFA_F_NODAD;
  header.ifa_index = get(name).index;
  const Message message =
      make(add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0, header);
  put(message.get(), IFA_LOCAL, address.address);
  put(message.get(), IFA_ADDRESS, address.address);
  expect(transact(socket_.get(), message.get()), (add ? "add " : "remove ") + to_string(address) +
                                                     (add ? " to " : " from ") + name + " of " +
                                                     where_);
}

void Links::add_route(const core::Prefix& to, const core::Address& gateway) {
  rtmsg header{};
  header.rtm_family = family_of(gateway);
  header.rtm_dst_len = to.length;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  const Message message = make(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, header);
  if (to.length > 0) put(message.get(), RTA_DST, to.masked().address);
  put(message.get(), RTA_GATEWAY, gateway);
  expect(transact(socket_.get(), message.get()),
         "add a route to " + to_string(to) + " via " + to_string(gateway) + " in " + where_);
}

LinkInfo Links::get(const std::string& name) {
  LinkInfo info;
  const Message message = make(RTM_GETLINK, 0, ifinfomsg{});
  put(message.get(), IFLA_IFNAME, name);
  const int error = transact(socket_.get(), message.get(), [&](nlmsghdr* reply) {
    const auto* header = static_cast<const ifinfomsg*>(nlmsg_data(reply));
    info.index = static_cast<std::uint32_t>(header->ifi_index);
    info.up = (header->ifi_flags & IFF_UP) != 0;
    if (const nlattr* mac = nlmsg_find_attr(reply, sizeof *header, IFLA_ADDRESS);
        mac != nullptr && nla_len(mac) == static_cast<int>(info.mac.size())) {
      std::memcpy(info.mac.data(), nla_data(mac), info.mac.size());
    }
    if (const nlattr* stats = nlmsg_find_attr(reply, sizeof *header, IFLA_STATS64)) {
      rtnl_link_stats64 counters{};
      std::memcpy(&counters, nla_data(stats),
                  std::min<std::size_t>(sizeof counters, static_cast<std::size_t>(nla_len(stats))));
      info.sent_packets = counters.tx_packets;
    }
  });
  expect(error, "find the link " + name + " of " + where_);
  return info;
}

}  // namespace net
