#include "net/observe_host.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cerrno>
#include <set>
#include <string>
#include <unordered_map>

#include "net/sysctl.hpp"

namespace net {
namespace {

using ByIndex = std::unordered_map<std::uint32_t, core::Interface>;

void read(RequestSocket& socket, const Message& request, const std::string& what,
          const std::function<void(const NetlinkMessage&)>& visit) {
  std::vector<std::uint8_t> messages;
  const Answer answer = socket.dump(
      *request, [](const NetlinkMessage&) { return true; }, messages);
  if (!answer.ok()) {
    throw core::Error(kind_of(answer.error), "cannot list " + what + ": " + to_string(answer));
  }
  for_each_message(messages, visit);
}

void read_links(RequestSocket& socket, ByIndex& interfaces) {
  const Message request = make_message(RTM_GETLINK, 0, ifinfomsg{});
  put_u32(*request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  read(socket, request, "interfaces", [&](const NetlinkMessage& message) {
    if (auto link = decode_link(message)) interfaces.emplace(link->index, std::move(*link));
  });
}

void read_addresses(RequestSocket& socket, ByIndex& interfaces) {
  const Message request = make_message(RTM_GETADDR, 0, ifaddrmsg{});
  read(socket, request, "addresses", [&](const NetlinkMessage& message) {
    const auto address = decode_address(message);
    if (!address) return;
    const auto interface = interfaces.find(address->device);
    if (interface != interfaces.end()) interface->second.addresses.push_back(address->prefix);
  });
}

// rp_filter and forwarding of all interfaces in one dump, instead of a file for each.
void read_settings(RequestSocket& socket, core::Family family, ByIndex& interfaces,
                   core::Host& host) {
  netconfmsg header{};
  header.ncm_family = address_family(family);
  const Message request = make_message(RTM_GETNETCONF, 0, header);
  read(socket, request, "interface settings", [&](const NetlinkMessage& message) {
    const Attributes attributes(message, sizeof(netconfmsg));
    const auto device = static_cast<std::int32_t>(attributes.u32(NETCONFA_IFINDEX).value_or(0));
    const auto rp_filter = static_cast<int>(attributes.u32(NETCONFA_RP_FILTER).value_or(0));
    const bool forwarding = attributes.u32(NETCONFA_FORWARDING).value_or(0) != 0;
    if (device == NETCONFA_IFINDEX_ALL && family == core::Family::ipv4) {
      host.rp_filter_all = rp_filter;
      host.forwarding4 = forwarding;
    } else if (device == NETCONFA_IFINDEX_ALL) {
      host.forwarding6 = forwarding;
    } else if (family == core::Family::ipv4) {
      const auto interface = interfaces.find(static_cast<std::uint32_t>(device));
      if (interface != interfaces.end()) interface->second.rp_filter = rp_filter;
    }
  });
}

void add_default_routes(const std::vector<KernelRoute>& routes, ByIndex& interfaces) {
  for (const KernelRoute& route : routes) {
    const bool ipv4 = route.destination.family() == core::Family::ipv4;
    for (const KernelRoute::Hop& hop : route.hops) {
      const auto interface = interfaces.find(hop.device);
      if (interface == interfaces.end()) continue;
      core::Interface& device = interface->second;
      (ipv4 ? device.default4 : device.default6) = true;
      std::optional<core::Address>& gateway = ipv4 ? device.gateway4 : device.gateway6;
      if (!gateway) gateway = hop.gateway;
    }
  }
}

void add_other_routes(const std::vector<KernelRoute>& routes, ByIndex& interfaces) {
  for (const KernelRoute& route : routes) {
    std::set<std::uint32_t> told;  // of several hops by one device the first
    for (const KernelRoute::Hop& hop : route.hops) {
      const auto interface = interfaces.find(hop.device);
      if (interface == interfaces.end() || !told.insert(hop.device).second) continue;
      interface->second.routes.push_back({route.destination, hop.gateway});
    }
  }
}

}  // namespace

std::optional<core::Interface> decode_link(const NetlinkMessage& message) {
  const auto header = header_in<ifinfomsg>(message);
  if (message.type != RTM_NEWLINK || !header) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  core::Interface link;
  link.name = attributes.text(IFLA_IFNAME);
  link.index = static_cast<std::uint32_t>(header->ifi_index);
  link.mtu = attributes.u32(IFLA_MTU).value_or(0);
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.point_to_point = (header->ifi_flags & IFF_POINTOPOINT) != 0;
  return link;
}

std::optional<InterfaceAddress> decode_address(const NetlinkMessage& message) {
  const auto header = header_in<ifaddrmsg>(message);
  if (message.type != RTM_NEWADDR || !header) return std::nullopt;
  const auto family = parse_address_family(header->ifa_family);
  if (!family) return std::nullopt;
  const Attributes attributes(message, sizeof *header);

  const std::uint32_t flags = attributes.u32(IFA_FLAGS).value_or(header->ifa_flags);
  const bool unproven = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  if (unproven || (flags & IFA_F_DADFAILED) != 0) return std::nullopt;

  // On point-to-point links IFA_ADDRESS is the peer's.
  const auto address = attributes.address(attributes.has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS);
  if (!address || address->family() != *family || header->ifa_prefixlen > address->size() * 8) {
    return std::nullopt;
  }
  return InterfaceAddress{header->ifa_index, {*address, header->ifa_prefixlen}};
}

core::Host read_host(RequestSocket& socket, const MainRoutes& routes) {
  core::Host host;
  host.route_mtu = routes.smallest_mtu;
  ByIndex interfaces;
  read_links(socket, interfaces);
  read_addresses(socket, interfaces);
  read_settings(socket, core::Family::ipv4, interfaces, host);
  host.ipv6 = read_sysctl("net/ipv6/conf/all/disable_ipv6") == "0";
  if (host.ipv6) read_settings(socket, core::Family::ipv6, interfaces, host);
  add_default_routes(routes.defaults, interfaces);
  add_other_routes(routes.others, interfaces);
  host.too_many_routes = routes.too_many;
  for (auto& [index, interface] : interfaces) {
    std::string name = interface.name;
    host.interfaces.emplace(std::move(name), std::move(interface));
  }
  return host;
}

}  // namespace net
