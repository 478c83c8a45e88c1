#include <algorithm>
#include <string>

#include "core/topology/graph.hpp"

namespace core::topology {
namespace {

void mark(std::vector<Mark>& marks, Severity severity, std::string_view word, std::string text) {
  marks.push_back({severity, word, std::move(text)});
}

bool is_local_only(const Prefix& held) {
  return held.family() == Family::ipv6 && held.address.bytes()[0] == 0xfe &&
         (held.address.bytes()[1] & 0xc0) == 0x80;
}

void mark_interface(Graph& graph, std::size_t node, std::size_t number) {
  Interface& one = graph.nodes[node].interfaces[number];
  const auto other = other_end(graph, {node, number});
  const Interface* const peer = other && other->interface != nowhere
                                    ? &graph.nodes[other->node].interfaces[other->interface]
                                    : nullptr;
  const bool addressed =
      std::ranges::any_of(one.addresses, [](const Prefix& held) { return !is_local_only(held); });
  // A card that nobody set up is down, and so are the dummies that IPVS has addresses on.
  const bool used = peer != nullptr || addressed || !one.master.empty() || !one.tunnel.empty();
  if (!one.up && used && one.kind != "dummy") {
    mark(one.marks, Severity::fault, "link-down", "is down");
  } else if (one.up && !one.carrier && one.kind.empty() && used) {
    mark(one.marks, Severity::fault, "no-carrier", "is up and has no carrier");
  }
  if (peer != nullptr && peer->mtu != one.mtu) {
    mark(one.marks, Severity::warning, "mtu-differs",
         "has MTU " + std::to_string(one.mtu) + ", its other end " + std::to_string(peer->mtu));
  }
  for (const Address& address : one.duplicates) {
    mark(one.marks, Severity::fault, "duplicate-address",
         "has " + to_string(address) + ", which somebody else has as well");
  }
}

std::string all_of(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : "; ") + text;
  return all;
}

void mark_mapping(Mapping& mapping) {
  std::vector<std::string> empty, inactive;
  for (const MappedPort& port : mapping.ports) {
    if (!port.active) {
      inactive.push_back(port.external);
    } else if (port.endpoints.empty()) {
      empty.push_back(port.external);
    }
  }
  const auto listed = [](const std::vector<std::string>& ports) {
    return ports.front() +
           (ports.size() > 1 ? " and " + std::to_string(ports.size() - 1) + " more" : "");
  };
  if (!empty.empty())
    mark(mapping.marks, Severity::fault, "no-endpoint", "no ready endpoint for " + listed(empty));
  if (!inactive.empty()) {
    mark(mapping.marks, Severity::warning, "address-missing",
         listed(inactive) + " is on no interface of the edge");
  }
  if (mapping.state == "rejected") {
    mark(mapping.marks, Severity::fault, "rejected", "not in effect: " + all_of(mapping.reasons));
  } else if (mapping.state == "degraded" && mapping.marks.empty()) {
    mark(mapping.marks, Severity::warning, "degraded", all_of(mapping.reasons));
  }
}

void mark_egress(Graph& graph, Egress& egress) {
  if (egress.nat_pods.empty()) {
    mark(egress.marks, Severity::fault, "no-nat-pod", "has no NAT pod");
  }
  for (const NatPod& nat : egress.nat_pods) {
    const Severity severity = severity_of(nat);
    if (severity == Severity::none) continue;
    mark(graph.nodes[nat.node].marks, severity,
         nat.state == "dead" ? "nat-pod-dead" : "nat-pod-draining",
         "NAT pod of " + egress.name + " is " + nat.state);
  }
  for (const Client& client : egress.clients) {
    std::vector<Mark>& marks = graph.nodes[client.node].marks;
    if (!client.refused.empty()) {
      mark(marks, Severity::fault, "refused",
           "Egress " + egress.name + " refuses " + client.refused.front() +
               (client.refused.size() > 1 ? " and more" : ""));
    }
    if (!client.problems.empty()) {
      mark(marks, Severity::fault, "client-problem", all_of(client.problems));
    }
  }
}

}  // namespace

void mark_faults(Graph& graph) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (std::size_t j = 0; j < graph.nodes[i].interfaces.size(); ++j) mark_interface(graph, i, j);
  }
  for (Mapping& mapping : graph.mappings) mark_mapping(mapping);
  for (Egress& egress : graph.egresses) mark_egress(graph, egress);
  // What several Egresses say of one pod.
  for (Node& node : graph.nodes) {
    std::vector<Mark> kept;
    for (Mark& one : node.marks) {
      if (std::ranges::find(kept, one) == kept.end()) kept.push_back(std::move(one));
    }
    node.marks = std::move(kept);
  }
}

}  // namespace core::topology
