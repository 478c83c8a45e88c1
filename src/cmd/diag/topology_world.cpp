#include "cmd/diag/topology_world.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "core/error.hpp"
#include "core/printable.hpp"

namespace cmd {
namespace {

namespace packet = core::packet;
namespace topology_values = core::topology;

constexpr std::uint16_t ethernet = 1;  // ARPHRD_ETHER

std::string tunnel_text(const packet::Link& link) {
  const packet::TunnelLink& tunnel = *link.tunnel;
  using Kind = packet::TunnelLink::Kind;
  std::string text;
  switch (tunnel.kind) {
    case Kind::vxlan:
      text = "VXLAN";
      break;
    case Kind::vxlan_gpe:
      text = "VXLAN-GPE";
      break;
    case Kind::fou:
      text = "FoU";
      break;
    case Kind::ip:
    case Kind::other:
      text = link.device.kind;
      break;
  }
  if (tunnel.vni != 0) text += " " + std::to_string(tunnel.vni);
  if (tunnel.port != 0) text += " port " + std::to_string(tunnel.port);
  if (tunnel.remote) text += " to " + to_string(*tunnel.remote);
  if (tunnel.external) text += " by routes";
  return text;
}

// Those that the kernel makes in each namespace when a module is loaded: tunl0, sit0, gre0.
bool is_fallback(const packet::Link& link) {
  return link.tunnel && !link.up && link.addresses.empty() && !link.tunnel->local &&
         !link.tunnel->remote && !link.tunnel->external && link.tunnel->port == 0 &&
         link.tunnel->vni == 0;
}

topology_values::Interface interface_of(packet::Network& network, const packet::Link& link) {
  topology_values::Interface one;
  const auto name = [&](std::uint32_t index) {
    const packet::Link* const found = index != 0 ? network.link(index) : nullptr;
    return found != nullptr ? core::printable(found->device.name) : std::string();
  };
  one.name = core::printable(link.device.name);
  one.kind = link.loopback ? "loopback" : core::printable(link.device.kind);
  one.mtu = link.mtu;
  one.up = link.up;
  one.carrier = link.carrier;
  one.master = name(link.master);
  if (!link.lower_netns && link.device.kind != "veth" && link.lower != link.device.index)
    one.lower = name(link.lower);
  if (link.tunnel) one.tunnel = tunnel_text(link);
  for (const packet::LinkAddress& held : link.addresses) {
    one.addresses.push_back(held.prefix);
    if (held.duplicate) one.duplicates.push_back(held.prefix.address);
  }
  return one;
}

bool forwards(packet::Network& network) {
  return network.sysctl("net/ipv4/ip_forward").value_or(0) != 0 ||
         network.sysctl("net/ipv6/conf/all/forwarding").value_or(0) != 0;
}

}  // namespace

TopologyWorld::TopologyWorld(const Places& places)
    : places_(places),
      world_([&](const net::view::NamespaceId& id) { return places_.label(id); }) {}

bool TopologyWorld::add_node(std::size_t place) {
  if (!nodes_.try_emplace(place, graph_.nodes.size()).second) return false;
  packet::Network& network = world_.network(place);
  topology_values::Node node;
  node.name = core::printable(world_.name(place));
  node.known_pod = places_.label(net::view::id_of(world_.where(place))).has_value();
  node.forwards = forwards(network);
  for (const packet::Link& link : network.links()) {
    if (is_fallback(link)) continue;
    interfaces_[{place, link.device.index}] = node.interfaces.size();
    node.interfaces.push_back(interface_of(network, link));
  }
  graph_.nodes.push_back(std::move(node));
  return true;
}

void TopologyWorld::follow(net::Namespace start, std::optional<std::size_t> depth) {
  std::deque<std::pair<std::size_t, std::size_t>> queue;  // place, distance
  const std::size_t first = world_.add(std::move(start));
  if (!add_node(first)) return;
  queue.emplace_back(first, 0);
  while (!queue.empty()) {
    const auto [place, distance] = queue.front();
    queue.pop_front();
    if (depth && distance == *depth) continue;
    std::vector<std::uint32_t> links;
    for (const packet::Link& link : world_.network(place).links())
      links.push_back(link.device.index);
    for (const std::uint32_t link : links) {
      const auto peer = world_.peer({place, link});
      if (peer && add_node(peer->place)) queue.emplace_back(peer->place, distance + 1);
    }
  }
}

void TopologyWorld::follow_all() {
  const auto candidates = world_.candidates();
  for (const auto& candidate : candidates) {
    try {
      if (auto where = net::Namespace::find(candidate.path)) follow(std::move(*where), {});
    } catch (const core::Error& error) {
      graph_.notes.push_back(candidate.name + ": " + error.what());
    }
  }
}

void TopologyWorld::connect() {
  std::optional<std::size_t> network;
  // Nodes are added behind.
  const auto places = nodes_;
  for (const auto& [place, node] : places) {
    for (const packet::Link& link : world_.network(place).links()) {
      const auto own = interfaces_.find({place, link.device.index});
      if (own == interfaces_.end()) continue;
      const topology_values::End end{node, own->second};
      if (link.device.kind.empty() && link.device.type == ethernet && !link.loopback &&
          (link.up || !link.addresses.empty())) {
        if (!network) {
          network = graph_.nodes.size();
          topology_values::Node outside;
          outside.name = "the network";
          outside.role = topology_values::Node::Role::outside;
          outside.elsewhere = true;
          graph_.nodes.push_back(std::move(outside));
        }
        graph_.cables.push_back({end, {*network, topology_values::nowhere}});
      }
      if (link.device.kind != "veth") continue;
      const auto peer = world_.peer({place, link.device.index});
      if (!peer || !nodes_.contains(peer->place)) continue;
      // Each is seen from both ends.
      if (*peer < packet::Attachment{place, link.device.index}) continue;
      const auto there = interfaces_.find({peer->place, peer->link});
      if (there == interfaces_.end()) continue;
      graph_.cables.push_back({end, {nodes_.at(peer->place), there->second}});
    }
  }
}

std::optional<std::size_t> TopologyWorld::node_at(const std::string& path) {
  try {
    const auto where = net::Namespace::find(path);
    if (!where) return std::nullopt;
    const auto id = net::view::id_of(*where);
    for (const auto& [place, node] : nodes_) {
      if (net::view::id_of(world_.where(place)) == id) return node;
    }
  } catch (const core::Error&) {
    return std::nullopt;  // its process ended meanwhile
  }
  return std::nullopt;
}

std::size_t TopologyWorld::node_with(const core::Address& address, const std::string& name) {
  if (!holders_known_) {
    holders_known_ = true;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const auto& one : graph_.nodes[i].interfaces) {
        for (const core::Prefix& held : one.addresses) {
          // A pod before others that have the same.
          const auto [at, fresh] = holders_.try_emplace(held.address, i);
          if (!fresh && graph_.nodes[i].known_pod) at->second = i;
        }
      }
    }
  }
  const auto found = holders_.find(address);
  return found != holders_.end() ? found->second : node_elsewhere(name);
}

std::size_t TopologyWorld::node_elsewhere(const std::string& name) {
  const auto [at, fresh] = elsewhere_.try_emplace(name, graph_.nodes.size());
  if (fresh) {
    topology_values::Node node;
    node.name = name;
    node.elsewhere = true;
    node.known_pod = true;
    graph_.nodes.push_back(std::move(node));
  }
  return at->second;
}

}  // namespace cmd
