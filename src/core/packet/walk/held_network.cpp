#include "core/packet/walk/held_network.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/packet/walk/route_types.hpp"

namespace core::packet {

std::int64_t HeldNetwork::conf(std::uint32_t device, const std::string& name) {
  const Link* const found = link(device);
  const auto of = [&](const std::string& one) {
    return sysctl("net/ipv4/conf/" + one + "/" + name).value_or(0);
  };
  return std::max(of("all"), found != nullptr ? of(found->device.name) : 0);
}

// inet_select_addr()
std::optional<Address> HeldNetwork::own_address(std::uint32_t device, const Address& next_hop) {
  std::optional<Address> first;
  const Link* const out = link(device);
  if (out == nullptr) return first;
  for (const LinkAddress& one : out->addresses) {
    if (one.prefix.family() != next_hop.family() || one.secondary || one.tentative) continue;
    if (one.prefix.contains(next_hop)) return one.prefix.address;
    if (!first) first = one.prefix.address;
  }
  if (first || out->loopback) return first;
  for (const Link& other : interfaces) {
    if (other.loopback) continue;
    for (const LinkAddress& one : other.addresses) {
      if (one.prefix.family() == next_hop.family() && !one.secondary) return one.prefix.address;
    }
  }
  return first;
}

// What ip_route_input_slow() asks besides.
int HeldNetwork::check_input(const RouteQuery& query, const RouteAnswer& answer) {
  const Link* const in = link(query.in);
  if (query.destination.family() == Family::ipv6 || in == nullptr || in->loopback) {
    return answer.error;
  }
  const bool forwards = sysctl("net/ipv4/conf/" + in->device.name + "/forwarding").value_or(1) != 0;
  if (answer.error != 0) return forwards ? answer.error : EHOSTUNREACH;
  if (answer.type != rtn_local && answer.type != rtn_broadcast && !forwards) return EHOSTUNREACH;
  if (!query.source) return 0;
  if (link_with(*query.source) != nullptr && conf(query.in, "accept_local") == 0) return EINVAL;
  const std::int64_t filter = conf(query.in, "rp_filter");
  if (filter == 0) return 0;
  RouteQuery back;
  back.destination = *query.source;
  back.source = query.destination;
  if (conf(query.in, "src_valid_mark") != 0) back.mark = query.mark;
  const RouteAnswer way = tables.look_up(back, "", "");
  if (way.error != 0) return EXDEV;
  if (way.device == query.in) return 0;
  const bool no_address = std::ranges::none_of(
      in->addresses, [](const LinkAddress& one) { return one.prefix.family() == Family::ipv4; });
  return filter == 1 || no_address ? EXDEV : 0;
}

RouteAnswer HeldNetwork::route(const RouteQuery& query) {
  const auto name = [&](std::uint32_t device) {
    const Link* const found = link(device);
    return found == nullptr ? std::string() : found->device.name;
  };
  // l3mdev_update_flow()
  RouteQuery asked = query;
  const Link* const vrf = vrf_of(query.out != 0 ? query.out : query.in);
  if (vrf != nullptr && vrf->device.index == query.out) asked.out = 0;
  RouteAnswer answer =
      tables.look_up(asked, name(query.in), name(query.out), vrf != nullptr ? vrf->vrf_table : 0);
  if (query.out != 0 && answer.error == 0) {
    for (const NextHop& hop : answer.hops) {
      if (hop.device != query.out) continue;
      answer.device = hop.device;
      answer.gateway = hop.gateway;
    }
  }
  if (query.in != 0) {
    answer.error = check_input(query, answer);
    return answer;
  }
  // ip_route_output_key_hash_rcu(): whoever sends has the address.
  if (query.source && query.out == 0 && query.destination.family() == Family::ipv4 &&
      link_with(*query.source) == nullptr) {
    RouteAnswer refused;
    refused.error = EINVAL;
    return refused;
  }
  if (answer.error != 0) return answer;
  if (!answer.source) {
    answer.source = own_address(answer.device, answer.gateway.value_or(query.destination));
  }
  if (answer.type == rtn_local) {
    const auto loopback = std::ranges::find_if(interfaces, &Link::loopback);
    if (loopback != interfaces.end()) answer.device = loopback->device.index;
  }
  return answer;
}

Neighbour HeldNetwork::neighbour(std::uint32_t device, const Address& address) {
  const auto found = neighbours.find({device, address});
  return found == neighbours.end() ? Neighbour() : found->second;
}

std::optional<std::int64_t> HeldNetwork::sysctl(const std::string& name) {
  const auto found = sysctls.find(name);
  return found == sysctls.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Connection> HeldNetwork::connection(const FlowTuple& tuple) {
  for (const Connection& one : tracked) {
    if (one.original == tuple || one.reply == tuple) return one;
  }
  return std::nullopt;
}

Listening HeldNetwork::listens(std::uint8_t protocol, const Address& address, std::uint16_t port) {
  if (!listeners_known) return Listening::unknown;
  const std::array<std::uint8_t, 16> zeros{};
  const Address any(std::span(zeros.data(), address.size()));
  for (auto at = listeners.lower_bound(lowest(port)); at != listeners.end() && at->port == port;
       ++at) {
    if (static_cast<std::uint8_t>(at->protocol) != protocol) continue;
    if (at->address == any || at->address == address) return Listening::yes;
  }
  return Listening::no;
}

std::vector<Opaque> HeldNetwork::opaque(Hook hook, const Packet& packet,
                                        const Context& /*context*/) {
  std::vector<Opaque> result;
  for (const auto& [at, what] : unread) {
    if (at == hook && (!what.family || *what.family == packet.family)) result.push_back(what);
  }
  return result;
}

std::optional<Attachment> HeldWorld::peer(const Attachment& link) {
  const auto found = peers.find(link);
  return found == peers.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace core::packet
