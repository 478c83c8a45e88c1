#include <linux/netlink.h>

#include <array>
#include <set>

#include "cmd/diag/check/survey.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"
#include "net/conntrack.hpp"
#include "net/listeners.hpp"
#include "net/netlink/request.hpp"
#include "net/sysctl.hpp"

namespace cmd {
namespace {

constexpr std::size_t most_clients = 100;
constexpr std::array<std::uint16_t, 2> tunnel_ports = {core::constants::fou_port,
                                                       core::constants::vxlan_gpe_port};

// Sockets of programs on the tunnels' ports; the kernel's own are told by what they belong to.
void look_for_programs(Survey& survey, std::vector<core::check::PortTaken>& taken) {
  core::packet::Network& network = survey.network();
  std::set<std::uint16_t> own;
  for (const auto& port : network.fou_ports()) own.insert(port.port);
  for (const core::packet::Link& link : network.links()) {
    if (link.tunnel) own.insert(link.tunnel->port);
  }
  core::Listeners listeners;
  try {
    survey.inside([&] { listeners = net::read_listeners(); });
  } catch (const core::Error&) {
    return;  // the group of rules says so
  }
  for (const core::Listener& one : listeners) {
    const bool tunnel = one.port == tunnel_ports[0] || one.port == tunnel_ports[1];
    if (one.protocol != core::Protocol::udp || !tunnel || own.contains(one.port)) continue;
    own.insert(one.port);
    taken.push_back({survey.place, one.port,
                     "udp " + to_string(one.address) + " port " + std::to_string(one.port)});
  }
}

// Whether the kernel of a client leads there by a tunnel, as the agent says that it does.
void look_at_client(Survey& survey, const AgentView::Client& client,
                    core::check::TunnelsFacts& facts) {
  std::size_t place = 0;
  try {
    auto where = net::Namespace::find(client.netns);
    if (!where) return;
    place = survey.world.add(std::move(*where));
  } catch (const core::Error& error) {
    facts.unknown = error.what();
    facts.privileges = !survey.root;
    return;
  }
  core::packet::Network& network = survey.world.network(place);
  for (const AgentView::Destination& one : client.destinations) {
    const auto prefix = core::Prefix::parse(one.destination);
    if (one.way != "tunnel" || !prefix) continue;
    core::packet::RouteQuery query;
    query.destination =
        prefix->length == prefix->address.size() * 8 ? prefix->address : prefix->first().plus(1);
    query.protocol = core::packet::tcp;
    const core::packet::RouteAnswer answer = network.route(query);
    const core::packet::Link* const link = network.link(answer.device);
    const bool tunnel = answer.error == 0 && link != nullptr &&
                        (link->tunnel || link->device.group == core::constants::tunnel_group);
    const std::string text =
        to_string(query.destination) + " " +
        (answer.error != 0 ? "has no route: " + net::error_text(answer.error)
                           : "dev " + (link == nullptr ? std::string("?") : link->device.name) +
                                 (answer.text.empty() ? "" : ": " + answer.text));
    if (tunnel) {
      facts.right_ways.push_back(text);
    } else {
      facts.astray.push_back({survey.place_of(place), one.destination, one.egress, text});
    }
  }
  for (core::check::TunnelFacts& link : gather_tunnel_links(survey, place)) {
    facts.tunnels.push_back(std::move(link));
  }
}

}  // namespace

const Survey::Connections& Survey::connections() {
  if (connections_) return *connections_;
  connections_.emplace();
  Connections& all = *connections_;
  try {
    inside([&] {
      net::RequestSocket socket(NETLINK_NETFILTER);
      net::sweep_flows(socket, {}, [&](const core::Flow& flow) {
        core::check::count_port(all.ports, flow);
        if (flow.protocol == core::Protocol::udp &&
            flow.original.destination_port == core::constants::fou_port) {
          all.tunnels.push_back(flow);
        }
        return false;
      });
    });
  } catch (const core::Error& error) {
    all.failure = error.what();
  }
  return all;
}

core::check::TunnelsFacts gather_tunnels(Survey& survey) {
  core::check::TunnelsFacts facts;
  facts.role = survey.role;
  facts.tunnel_port = core::constants::fou_port;
  const Survey::Connections& connections = survey.connections();
  if (connections.failure.empty()) facts.flows = connections.tunnels;
  facts.privileges = !survey.root;
  if (survey.role == core::check::Role::nat || survey.role == core::check::Role::pod) {
    look_for_programs(survey, facts.taken);
  }
  if (survey.role != core::check::Role::node && survey.role != core::check::Role::pod) {
    facts.tunnels = gather_tunnel_links(survey, survey.at);
    return facts;
  }
  if (!survey.agent) {
    if (survey.pod) facts.tunnels = gather_tunnel_links(survey, survey.at);
    facts.unknown = "no agent answers, which would say where this node's clients are led to";
    return facts;
  }
  if (survey.role == core::check::Role::node) facts.egresses = survey.agent->egresses;
  std::size_t looked_at = 0;
  for (const AgentView::Client& client : survey.agent->clients) {
    if (survey.pod && client.pod != *survey.pod) continue;
    if (++looked_at > most_clients) break;
    look_at_client(survey, client, facts);
  }
  return facts;
}

core::check::ConntrackFacts gather_conntrack(Survey& survey) {
  core::check::ConntrackFacts facts;
  facts.place = survey.place;
  const auto fill = survey.network().conntrack_fill();
  facts.entries = fill.entries;
  facts.limit = fill.limit;
  const std::string key = "net/netfilter/nf_conntrack_tcp_timeout_established";
  survey.inside([&] {
    if (auto value = net::read_sysctl(key)) facts.timeouts.emplace(key, std::move(*value));
  });
  return facts;
}

core::check::PortFacts gather_ports(Survey& survey) {
  const Survey::Connections& connections = survey.connections();
  core::check::PortFacts facts;
  facts.uses = connections.ports;
  facts.unknown = connections.failure;
  facts.privileges = !survey.root;
  return facts;
}

}  // namespace cmd
