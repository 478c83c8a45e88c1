#include "net/links.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "net/netlink/message.hpp"
#include "net/netlink/request.hpp"

namespace net {
namespace {

void put_kind(nl_msg& message, const std::string& kind, const std::function<void()>& data) {
  put_nest(message, IFLA_LINKINFO, [&] {
    put_text(message, IFLA_INFO_KIND, kind);
    if (data) put_nest(message, IFLA_INFO_DATA, data);
  });
}

void transact(RequestSocket& socket, nl_msg& message, const std::string& what) {
  const Answer answer = socket.request(message);
  if (!answer.ok()) {
    throw core::Error(kind_of(answer.error),
                      "cannot " + what + ": the kernel answered \"" + to_string(answer) + '"');
  }
}

}  // namespace

Links::Links(const Namespace& where) : where_(where.path().substr(where.path().rfind('/') + 1)) {
  where.run([&] { socket_ = std::make_unique<RequestSocket>(NETLINK_ROUTE); });
}

Links::~Links() = default;

void Links::add_veth(const std::string& name, const Namespace& there, const std::string& peer) {
  const Message message = make_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  put_text(*message, IFLA_IFNAME, name);
  put_kind(*message, "veth", [&] {
    // The peer is described as in a request of its own, family header included.
    const Message other = make_message(RTM_NEWLINK, 0, ifinfomsg{});
    put_text(*other, IFLA_IFNAME, peer);
    put_u32(*other, IFLA_NET_NS_FD, static_cast<std::uint32_t>(there.fd()));
    put(*message, VETH_INFO_PEER, view_of(*other).payload());
  });
  transact(*socket_, *message, "add the veth pair " + name + " of " + where_);
}

void Links::add_bridge(const std::string& name) {
  const Message message = make_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  put_text(*message, IFLA_IFNAME, name);
  put_kind(*message, "bridge", {});
  transact(*socket_, *message, "add the bridge " + name + " of " + where_);
}

void Links::remove(const std::string& name) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(get(name).index);
  transact(*socket_, *make_message(RTM_DELLINK, 0, header), "remove " + name + " of " + where_);
}

void Links::set_bridge(const std::string& port, const std::string& bridge) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(get(port).index);
  const Message message = make_message(RTM_NEWLINK, 0, header);
  put_u32(*message, IFLA_MASTER, get(bridge).index);
  transact(*socket_, *message, "make " + port + " of " + where_ + " a port of " + bridge);
}

void Links::set_up(const std::string& name, bool up) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(get(name).index);
  header.ifi_change = IFF_UP;
  if (up) header.ifi_flags = IFF_UP;
  const Message message = make_message(RTM_NEWLINK, 0, header);
  transact(*socket_, *message, "set " + name + " of " + where_ + (up ? " up" : " down"));
}

void Links::add_address(const std::string& name, const core::Prefix& address) {
  change_address(name, address, true);
}

void Links::remove_address(const std::string& name, const core::Prefix& address) {
  change_address(name, address, false);
}

void Links::change_address(const std::string& name, const core::Prefix& address, bool add) {
  ifaddrmsg header{};
  header.ifa_family = address_family(address.family());
  header.ifa_prefixlen = address.length;
  header.ifa_flags = IFA_F_NODAD;
  header.ifa_index = get(name).index;
  const Message message =
      make_message(add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_EXCL : 0, header);
  put(*message, IFA_LOCAL, address.address.bytes());
  put(*message, IFA_ADDRESS, address.address.bytes());
  transact(*socket_, *message,
           (add ? "add " : "remove ") + to_string(address) + (add ? " to " : " from ") + name +
               " of " + where_);
}

void Links::add_route(const core::Prefix& to, const core::Address& gateway,
                      const std::string& link) {
  put_route(to, &gateway, link);
}

void Links::add_link_route(const core::Prefix& to, const std::string& link) {
  put_route(to, nullptr, link);
}

void Links::put_route(const core::Prefix& to, const core::Address* gateway,
                      const std::string& link) {
  rtmsg header{};
  header.rtm_family = address_family(to.family());
  header.rtm_dst_len = to.length;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = gateway != nullptr ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  header.rtm_type = RTN_UNICAST;
  const Message message = make_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, header);
  if (to.length > 0) put(*message, RTA_DST, to.masked().address.bytes());
  if (gateway != nullptr) put(*message, RTA_GATEWAY, gateway->bytes());
  if (!link.empty()) put_u32(*message, RTA_OIF, get(link).index);
  transact(*socket_, *message,
           "add a route to " + to_string(to) +
               (gateway != nullptr ? " via " + to_string(*gateway) : "") +
               (link.empty() ? "" : " by " + link) + " in " + where_);
}

LinkInfo Links::get(const std::string& name) {
  std::optional<LinkInfo> found;
  const Message message = make_message(RTM_GETLINK, 0, ifinfomsg{});
  const Answer answer = socket_->stream(*message, [&](const NetlinkMessage& entry) {
    const auto header = header_in<ifinfomsg>(entry);
    if (!header) return;
    const Attributes attributes(entry, sizeof *header);
    if (attributes.text(IFLA_IFNAME) != name) return;
    LinkInfo& link = found.emplace();
    link.index = static_cast<std::uint32_t>(header->ifi_index);
    link.up = (header->ifi_flags & IFF_UP) != 0;
    const ByteView mac = attributes[IFLA_ADDRESS];
    std::copy_n(mac.begin(), std::min(mac.size(), link.mac.size()), link.mac.begin());
    rtnl_link_stats64 counters{};
    const ByteView stats = attributes[IFLA_STATS64];
    std::memcpy(&counters, stats.data(), std::min(stats.size(), sizeof counters));
    link.sent_packets = counters.tx_packets;
  });
  // A disturbed dump may have missed others; the one that was looked for is right if it was seen.
  if (!found) {
    throw core::Error(
        core::Error::Kind::permanent,
        "cannot find the link " + name + " of " + where_ +
            (answer.ok() ? "" : ": the kernel answered \"" + to_string(answer) + '"'));
  }
  return *found;
}

}  // namespace net
