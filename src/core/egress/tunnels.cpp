#include "core/egress/tunnels.hpp"

#include <algorithm>
#include <cstdio>

#include "core/constants.hpp"

namespace core {
namespace {

constexpr std::string_view prefixes[] = {"pona4-", "pona6-"};
// Of the packets that carry the clients' packets: what Linux gives its own.
constexpr std::uint8_t outer_ttl = 64;
constexpr std::uint32_t udp_header = 8;
constexpr std::uint32_t vxlan_header = 8;

std::uint32_t number_of(const Address& address) {
  std::uint32_t number = 0;
  for (const std::uint8_t byte : address.bytes()) number = number << 8 | byte;
  return number;
}

std::string name_of(Family family, std::uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof text, "%s%08x", prefixes[family == Family::ipv6].data(), number);
  return text;
}

std::string name_of_tunnel(const std::map<std::string, Link>& links, const Address& remote) {
  if (remote.family() == Family::ipv4) return name_of(Family::ipv4, number_of(remote));
  const auto is_taken = [&](const std::string& name) {
    const auto other = links.find(name);
    if (other == links.end()) return false;
    const Address* const leads_to = remote_of(other->second);
    return leads_to == nullptr || *leads_to != remote;
  };
  std::uint32_t number = short_hash(to_string(remote));
  while (is_taken(name_of(Family::ipv6, number))) ++number;
  return name_of(Family::ipv6, number);
}

std::uint32_t smaller(std::uint32_t a, std::uint32_t b) {  // 0: unknown
  return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

}  // namespace

std::uint32_t short_hash(std::string_view text) {
  std::uint32_t hash = 2166136261;
  for (const char letter : text) hash = (hash ^ static_cast<std::uint8_t>(letter)) * 16777619;
  return hash;
}

Link fou_tunnel(const std::map<std::string, Link>& links, const Address& local,
                const Address& remote, std::uint16_t port, bool checksum) {
  return {.name = name_of_tunnel(links, remote),
          .body = FouTunnel{local, remote, port, checksum, outer_ttl}};
}

Link gpe_tunnel(std::uint32_t mtu) {
  return {
      .name = std::string(gpe_device), .body = GpeTunnel{constants::vxlan_gpe_port}, .mtu = mtu};
}

bool is_tunnel_name(std::string_view name) {
  return name == gpe_device || name.starts_with(prefixes[0]) || name.starts_with(prefixes[1]);
}

std::uint32_t tunnel_room(Egress::Encapsulation encapsulation, Family family,
                          std::uint32_t path_mtu) {
  const std::uint32_t ip_header = family == Family::ipv4 ? 20 : 40;
  const std::uint32_t more = encapsulation == Egress::Encapsulation::vxlan ? vxlan_header : 0;
  const std::uint32_t head = ip_header + udp_header + more;
  // Nor is the path itself one of the family with less.
  return std::max(path_mtu, smallest_mtu(family) + (family == Family::ipv4 ? head : 0)) - head;
}

std::string lack_of_room(Egress::Encapsulation encapsulation, Family family,
                         std::uint32_t path_mtu) {
  const std::uint32_t room = tunnel_room(encapsulation, family, path_mtu);
  const std::uint32_t needed = smallest_mtu(family);
  if (room >= needed) return "";
  return "the MTU of the pod's network, " + std::to_string(path_mtu) + ", leaves IPv6 " +
         std::to_string(room) +
         " bytes in a tunnel: longer packets, except TCP's, may be lost; raise it to " +
         std::to_string(path_mtu + needed - room) + " or more";
}

std::uint32_t tunnel_mtu(Egress::Encapsulation encapsulation, Family family,
                         std::uint32_t path_mtu) {
  return std::max(smallest_mtu(family), tunnel_room(encapsulation, family, path_mtu));
}

std::uint32_t path_mtu(const Host& host, const Address& remote) {
  constexpr std::uint32_t usual = 1500;
  std::uint32_t by_default = 0, by_subnet = 0;
  for (const auto& [name, interface] : host.interfaces) {
    if (!interface.up || name == "lo" || is_tunnel_name(name)) continue;
    const bool leads = remote.family() == Family::ipv4 ? interface.default4 : interface.default6;
    if (leads) by_default = smaller(by_default, interface.mtu);
    const bool inside = std::ranges::any_of(
        interface.addresses, [&](const Prefix& prefix) { return prefix.contains(remote); });
    if (inside) by_subnet = smaller(by_subnet, interface.mtu);
  }
  const std::uint32_t mtu = by_subnet != 0 ? by_subnet : by_default != 0 ? by_default : usual;
  return smaller(mtu, host.route_mtu);
}

}  // namespace core
