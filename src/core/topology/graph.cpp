#include "core/topology/graph.hpp"

#include <algorithm>

namespace core::topology {
namespace {

bool is_about_cable(const Mark& mark) {
  return mark.word == "link-down" || mark.word == "mtu-differs" || mark.word == "no-carrier";
}

const Interface* interface_at(const Graph& graph, const End& end) {
  return end.interface == nowhere ? nullptr : &graph.nodes[end.node].interfaces[end.interface];
}

void find_all(std::vector<Finding>& all, const std::vector<Mark>& marks, const std::string& what) {
  for (const Mark& mark : marks) all.push_back({mark.severity, mark.word, what + " " + mark.text});
}

}  // namespace

std::optional<std::size_t> holder(const Graph& graph, const Address& address) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool has = std::ranges::any_of(node.interfaces, [&](const Interface& one) {
      return std::ranges::any_of(one.addresses,
                                 [&](const Prefix& held) { return held.address == address; });
    });
    if (has && node.known_pod) return i;
    if (has && !found) found = i;
  }
  return found;
}

Severity worst(const std::vector<Mark>& marks) {
  Severity most = Severity::none;
  for (const Mark& mark : marks) most = std::max(most, mark.severity);
  return most;
}

Severity severity_of(const Graph& graph, const Cable& cable) {
  Severity most = Severity::none;
  for (const End& end : {cable.a, cable.b}) {
    const Interface* const interface = interface_at(graph, end);
    if (interface == nullptr) continue;
    for (const Mark& mark : interface->marks) {
      if (is_about_cable(mark)) most = std::max(most, mark.severity);
    }
  }
  return most;
}

Severity severity_of(const MappedPort& port) {
  if (!port.active) return Severity::warning;
  return port.endpoints.empty() ? Severity::fault : Severity::none;
}

Severity severity_of(const NatPod& nat) {
  if (nat.state == "dead") return Severity::fault;
  return nat.state == "draining" ? Severity::warning : Severity::none;
}

std::optional<End> other_end(const Graph& graph, const End& end) {
  for (const Cable& cable : graph.cables) {
    if (cable.a == end) return cable.b;
    if (cable.b == end) return cable.a;
  }
  return std::nullopt;
}

std::vector<Finding> findings(const Graph& graph) {
  std::vector<Finding> all;
  for (const Node& node : graph.nodes) {
    find_all(all, node.marks, node.name + ":");
    for (const Interface& one : node.interfaces) {
      find_all(all, one.marks, node.name + ": " + one.name);
    }
  }
  for (const Mapping& one : graph.mappings) find_all(all, one.marks, one.object + ":");
  for (const Egress& one : graph.egresses) find_all(all, one.marks, "Egress " + one.name + ":");
  std::ranges::stable_sort(all, std::ranges::greater{}, &Finding::severity);
  return all;
}

std::string_view to_string(Node::Role role) {
  switch (role) {
    case Node::Role::outside:
      return "outside";
    case Node::Role::host:
      return "host";
    case Node::Role::pod:
      break;
  }
  return "pod";
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::fault:
      return "fault";
    case Severity::warning:
      return "warning";
    case Severity::none:
      break;
  }
  return "ok";
}

}  // namespace core::topology
