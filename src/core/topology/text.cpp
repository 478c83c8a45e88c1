#include <algorithm>
#include <string>
#include <vector>

#include "core/topology/print.hpp"

namespace core::topology {
namespace {

struct Twig {
  std::string text;
  std::vector<Twig> twigs;
};

void grow(std::vector<std::string>& lines, const std::vector<Twig>& twigs,
          const std::string& before) {
  for (std::size_t i = 0; i < twigs.size(); ++i) {
    const bool last = i + 1 == twigs.size();
    lines.push_back(before + (last ? "└─ " : "├─ ") + twigs[i].text);
    grow(lines, twigs[i].twigs, before + (last ? "   " : "│  "));
  }
}

std::string sign(Severity severity) {
  if (severity == Severity::none) return "";
  return severity == Severity::fault ? "!! " : "! ";
}

void add_marks(Twig& twig, const std::vector<Mark>& marks) {
  for (const Mark& mark : marks) twig.twigs.push_back({sign(mark.severity) + mark.text, {}});
}

bool is_link_local(const Prefix& held) {
  static const Prefix local = *Prefix::parse("fe80::/10");
  return local.contains(held.address);
}

std::string line_of(const Graph& graph, const End& end) {
  const Interface& one = graph.nodes[end.node].interfaces[end.interface];
  std::string text = one.name;
  if (!one.kind.empty() && one.kind != "veth" && one.tunnel.empty()) text += " (" + one.kind + ")";
  std::string addresses;
  for (const Prefix& held : one.addresses) {
    if (!is_link_local(held)) addresses += (addresses.empty() ? "  " : ", ") + to_string(held);
  }
  text += addresses + "  mtu " + std::to_string(one.mtu);
  if (one.external) text += ", external";
  if (!one.lower.empty()) text += ", on " + one.lower;
  if (!one.tunnel.empty()) text += "  " + one.tunnel;
  if (const auto other = other_end(graph, end)) {
    text += "  ── " + graph.nodes[other->node].name;
    if (other->interface != nowhere)
      text += ":" + graph.nodes[other->node].interfaces[other->interface].name;
  } else if (one.kind == "veth") {
    text += "  ── (not seen)";
  }
  return text;
}

std::vector<Twig> interfaces_of(const Graph& graph, std::size_t node, const std::string& master) {
  std::vector<Twig> twigs;
  const auto& all = graph.nodes[node].interfaces;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].master != master || all[i].kind == "loopback") continue;
    Twig twig{line_of(graph, {node, i}), {}};
    add_marks(twig, all[i].marks);
    if (all[i].kind == "bridge" || all[i].kind == "vrf") {
      for (Twig& port : interfaces_of(graph, node, all[i].name))
        twig.twigs.push_back(std::move(port));
    }
    twigs.push_back(std::move(twig));
  }
  return twigs;
}

Twig twig_of(const Graph& graph, const Mapping& mapping) {
  Twig twig{mapping.object + "  " + mapping.state, {}};
  for (const MappedPort& port : mapping.ports) {
    Twig one{sign(severity_of(port)) + port.external, {}};
    if (!port.service.empty()) one.text += "  Service " + port.service;
    if (!port.active) one.text += "  is on no interface of the edge";
    if (port.active && port.endpoints.empty()) one.text += "  no ready endpoint";
    for (const Endpoint& endpoint : port.endpoints) {
      const Node& node = graph.nodes[endpoint.node];
      one.twigs.push_back({"to " + endpoint.address + (node.elsewhere ? "" : "  " + node.name) +
                               (endpoint.draining ? ", draining" : ""),
                           {}});
    }
    twig.twigs.push_back(std::move(one));
  }
  for (const Mark& mark : mapping.marks) {
    if (mark.word == "rejected" || mark.word == "degraded")
      twig.twigs.push_back({sign(mark.severity) + mark.text, {}});
  }
  return twig;
}

Twig twig_of(const Graph& graph, const Egress& egress) {
  Twig twig{egress.name + "  " + egress.encapsulation, {}};
  if (!egress.destinations.empty()) {
    std::string to;
    for (const std::string& one : egress.destinations) to += (to.empty() ? "to " : ", ") + one;
    twig.twigs.push_back({to, {}});
  }
  for (const Client& client : egress.clients) {
    twig.twigs.push_back({"client " + graph.nodes[client.node].name, {}});
  }
  for (const NatPod& nat : egress.nat_pods) {
    const Node& node = graph.nodes[nat.node];
    twig.twigs.push_back({sign(severity_of(nat)) + "NAT pod " + nat.address +
                              (node.elsewhere ? "" : "  " + node.name) + ", " + nat.state,
                          {}});
  }
  add_marks(twig, egress.marks);
  return twig;
}

Twig twig_of(const Graph& graph, std::size_t number) {
  const Node& node = graph.nodes[number];
  Twig twig{node.name, {}};
  for (const std::string& job : node.jobs)
    twig.text += (&job == node.jobs.data() ? "  " : ", ") + job;
  add_marks(twig, node.marks);
  for (Twig& one : interfaces_of(graph, number, "")) twig.twigs.push_back(std::move(one));
  for (const Mapping& mapping : graph.mappings) {
    if (mapping.node == number) twig.twigs.push_back(twig_of(graph, mapping));
  }
  return twig;
}

}  // namespace

std::vector<std::string> to_lines(const Graph& graph) {
  std::vector<std::string> lines;
  const auto section = [&](const std::string& title, const std::vector<Twig>& trees) {
    if (trees.empty()) return;
    if (!lines.empty()) lines.emplace_back();
    lines.push_back(title);
    for (const Twig& tree : trees) {
      lines.push_back("  " + tree.text);
      grow(lines, tree.twigs, "  ");
    }
  };
  using Role = Node::Role;
  for (const auto& [role, title] :
       {std::pair{Role::outside, "Outside"}, {Role::host, "Hosts"}, {Role::pod, "Pods"}}) {
    std::vector<Twig> trees;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      // Those elsewhere stand where they are used.
      const Node& node = graph.nodes[i];
      if (node.role == role && !(node.elsewhere && role == Role::pod))
        trees.push_back(twig_of(graph, i));
    }
    section(title, trees);
  }
  std::vector<Twig> egresses;
  for (const Egress& egress : graph.egresses) egresses.push_back(twig_of(graph, egress));
  section("Egresses", egresses);
  std::vector<Twig> failing;
  for (const Finding& one : findings(graph)) failing.push_back({sign(one.severity) + one.text, {}});
  section("Failing", failing);
  std::vector<Twig> notes;
  for (const std::string& note : graph.notes) notes.push_back({note, {}});
  section("Not known", notes);
  return lines;
}

}  // namespace core::topology
