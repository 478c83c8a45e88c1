// A namespace of this machine as values that go elsewhere.
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <array>
#include <charconv>
#include <functional>
#include <span>
#include <string_view>

#include "core/error.hpp"
#include "net/listeners.hpp"
#include "net/packet/read_ruleset.hpp"
#include "net/sysctl.hpp"
#include "net/view/decode.hpp"
#include "net/view/live_network.hpp"

namespace net::view {
namespace {

using core::packet::HeldNetwork;
using core::packet::Hook;
using core::packet::Opaque;

// What the walk asks for (core/packet/walk), and what support looks at.
constexpr std::array single_sysctls = {"net/ipv4/ip_forward",
                                       "net/ipv4/tcp_l3mdev_accept",
                                       "net/ipv4/udp_l3mdev_accept",
                                       "net/netfilter/nf_conntrack_tcp_loose",
                                       "net/netfilter/nf_conntrack_max",
                                       "net/netfilter/nf_conntrack_udp_timeout",
                                       "net/netfilter/nf_conntrack_tcp_timeout_established",
                                       "net/bridge/bridge-nf-call-iptables",
                                       "net/bridge/bridge-nf-call-ip6tables"};
constexpr std::array sysctls_ipv4 = {"forwarding", "rp_filter", "accept_local",  "src_valid_mark",
                                     "arp_ignore", "proxy_arp", "route_localnet"};
constexpr std::array sysctls_ipv6 = {"forwarding", "disable_ipv6", "proxy_ndp", "accept_ra"};

void keep_sysctl(HeldNetwork& into, const std::string& name) {
  const auto text = read_sysctl(name);
  if (!text) return;
  std::int64_t number = 0;
  const auto end = std::from_chars(text->data(), text->data() + text->size(), number);
  if (end.ec == std::errc()) into.sysctls[name] = number;
}

}  // namespace

void LiveNetwork::record_sysctls(HeldNetwork& into) {
  std::vector<std::string> devices = {"all", "default"};
  for (const Link& link : links_) devices.push_back(link.device.name);
  where_.run([&] {
    for (const char* const name : single_sysctls) keep_sysctl(into, name);
    for (const std::string& device : devices) {
      for (const char* const name : sysctls_ipv4) {
        keep_sysctl(into, "net/ipv4/conf/" + device + "/" + name);
      }
      for (const char* const name : sysctls_ipv6) {
        keep_sysctl(into, "net/ipv6/conf/" + device + "/" + name);
      }
    }
  });
}

void LiveNetwork::record_connections(HeldNetwork& into, std::size_t most,
                                     std::vector<std::string>& gaps) {
  if (!netfilter_)
    where_.run([&] { netfilter_ = std::make_unique<RequestSocket>(NETLINK_NETFILTER); });
  const Message request =
      make_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0, nfgenmsg{0, NFNETLINK_V0, 0});
  std::size_t seen = 0;
  const Answer answer = netfilter_->stream(*request, [&](const NetlinkMessage& message) {
    if (++seen > most) return;
    if (const auto one = decode_connection(message)) into.tracked.push_back(*one);
  });
  if (!answer.ok()) gaps.push_back("connections: " + to_string(answer));
  if (seen > most) {
    gaps.push_back("connections: " + std::to_string(most) + " of " + std::to_string(seen) +
                   " tracked ones are in it");
  }
}

// What they make of a packet depends on the packet: elsewhere it is told that they are there.
void LiveNetwork::record_unread(HeldNetwork& into) {
  constexpr std::array<std::uint8_t, 16> zeros{};
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    core::packet::Packet packet;
    packet.family = family;
    packet.source = packet.destination =
        core::Address(std::span(zeros.data(), family == core::Family::ipv4 ? 4 : 16));
    for (const Hook hook :
         {Hook::prerouting, Hook::input, Hook::forward, Hook::output, Hook::postrouting}) {
      core::packet::Context context;
      context.hook = hook;
      for (Opaque& one : opaque(hook, packet, context)) {
        one.family = family;
        one.opinion = Opaque::Opinion::unknown;
        one.remedy.clear();
        into.unread.emplace_back(hook, std::move(one));
      }
    }
  }
}

void LiveNetwork::record(HeldNetwork& into, const RecordLimits& limits,
                         std::vector<std::string>& gaps) {
  const auto part = [&](const char* what, const std::function<void()>& work) {
    try {
      work();
    } catch (const core::Error& error) {
      gaps.push_back(std::string(what) + ": " + error.what());
    }
  };
  into.interfaces = links_;
  part("routes", [&] {
    into.tables = tables();
    for (auto& route : into.tables.routes) route.text = with_names(std::move(route.text));
  });
  part("neighbours", [&] {
    read_neighbours();
    for (const auto& [key, neighbour] : *neighbours_) into.neighbours.emplace(key, neighbour);
  });
  part("sysctls", [&] { record_sysctls(into); });
  part("rules of nftables", [&] {
    if (!ruleset().readable()) {
      into.rules.make_unreadable();
      gaps.emplace_back("rules of nftables: they cannot be read (this needs root)");
      return;
    }
    RulesetLimits of_rules;
    of_rules.chains = of_rules.rules = limits.rules;
    of_rules.elements = limits.elements;
    where_.run([&] { read_ruleset(into.rules, gaps, of_rules); });
  });
  into.listeners_known = false;
  part("sockets", [&] {
    where_.run([&] { into.listeners = read_listeners(); });
    into.listeners_known = true;
  });
  part("FoU ports", [&] { into.fou = fou_ports(); });
  part("IPsec", [&] { into.policies = ipsec(); });
  part("legacy iptables", [&] { record_unread(into); });
  part("connection tracking", [&] {
    into.fill = conntrack_fill();
    record_connections(into, limits.connections, gaps);
  });
}

}  // namespace net::view
