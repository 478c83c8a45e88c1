#include <algorithm>

#include "cmd/diag/check/survey.hpp"
#include "core/constants.hpp"

namespace cmd {
namespace {

namespace packet = core::packet;

constexpr std::uint32_t ipv6_needs = 1280;

// By which link its outer packets leave, if that is the same for all of them.
const packet::Link* link_below(packet::Network& network, const packet::TunnelLink& tunnel,
                               bool& outer6) {
  packet::RouteQuery query;
  if (tunnel.remote) {
    query.destination = *tunnel.remote;
  } else {
    // Routes say where to: most often that is behind the default route.
    query.destination = *core::Address::parse("203.0.113.1");
  }
  outer6 = query.destination.family() == core::Family::ipv6;
  query.protocol = packet::udp;
  const packet::RouteAnswer answer = network.route(query);
  return answer.error == 0 ? network.link(answer.device) : nullptr;
}

}  // namespace

std::vector<core::check::TunnelFacts> gather_tunnel_links(Survey& survey, std::size_t place) {
  std::vector<core::check::TunnelFacts> tunnels;
  packet::Network& network = survey.world.network(place);
  for (const packet::Link& link : network.links()) {
    if (!link.tunnel) continue;
    core::check::TunnelFacts one;
    one.place = survey.place_of(place);
    one.link = link.device.name;
    one.mtu = link.mtu;
    one.up = link.up;
    one.tunnel = *link.tunnel;
    if (const packet::Link* const below = link_below(network, *link.tunnel, one.outer6)) {
      // Where others' routes say where to, they say what fits, too.
      const bool told =
          !link.tunnel->external || link.device.group == core::constants::tunnel_group;
      if (told && below->device.index != link.device.index && !below->tunnel) {
        one.below = below->device.name;
        one.below_mtu = below->mtu;
      }
    }
    tunnels.push_back(std::move(one));
  }
  return tunnels;
}

core::check::MtuFacts gather_mtu(Survey& survey) {
  core::check::MtuFacts facts;
  // A copy: to look for peers adds places.
  const std::vector<packet::Link> links = survey.network().links();
  const bool ipv6 = survey.uses_ipv6();
  const auto end_of = [&](std::size_t place, const packet::Link& link) {
    return core::check::End{survey.place_of(place), link.device.name, link.mtu};
  };
  for (const packet::Link& link : links) {
    const bool has6 = std::ranges::any_of(link.addresses, [](const packet::LinkAddress& one) {
      return one.prefix.family() == core::Family::ipv6;
    });
    if (!link.loopback && link.up && link.mtu < ipv6_needs && !has6 && !link.tunnel && ipv6) {
      facts.narrow6.push_back(end_of(survey.at, link));
    }
    const packet::Link* const master = survey.network().link(link.master);
    if (master != nullptr && master->device.kind == "bridge") {
      facts.ports.push_back({survey.place_of(survey.at), link.device.name, master->device.name,
                             link.mtu, master->mtu});
    }
    if (link.device.kind != "veth") continue;
    const auto peer = survey.world.peer({survey.at, link.device.index});
    if (!peer) {
      ++facts.unseen_peers;
      continue;
    }
    const packet::Link* const other = survey.world.network(peer->place).link(peer->link);
    // Both ends here: once is enough.
    if (peer->place == survey.at && other->device.index < link.device.index) continue;
    facts.pairs.push_back({end_of(survey.at, link), end_of(peer->place, *other)});
  }
  facts.privileges = !survey.root;
  facts.tunnels = gather_tunnel_links(survey, survey.at);
  return facts;
}

}  // namespace cmd
