#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "core/topology/graph.hpp"

namespace core::topology {
namespace {

using Role = Node::Role;
using Roles = std::vector<std::optional<Role>>;

bool has_job(const Node& node, std::string_view job) {
  return std::ranges::find(node.jobs, job) != node.jobs.end();
}

bool carries(const Graph& graph, std::size_t number) {
  const Node& node = graph.nodes[number];
  std::size_t cables = 0;
  for (const Cable& cable : graph.cables) {
    if (cable.a.node != cable.b.node && (cable.a.node == number || cable.b.node == number))
      ++cables;
  }
  return (node.forwards && cables > 1) ||
         std::ranges::any_of(node.interfaces, [](const Interface& one) {
           return one.kind == "bridge" || (one.kind.empty() && !one.name.empty());
         });
}

// What lies nearer to an interface that clients come in by than to the others of the edge is
// outside; where both are as near, inside.
void flood_from_edges(const Graph& graph, Roles& roles) {
  enum class Side : std::uint8_t { unknown, inside, outside };
  std::vector<Side> sides(graph.nodes.size(), Side::unknown);
  std::deque<std::size_t> queue;
  const auto visit = [&](std::size_t node, Side side) {
    if (sides[node] != Side::unknown || roles[node]) return;
    sides[node] = side;
    queue.push_back(node);
  };
  for (const bool external : {false, true}) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      if (!has_job(graph.nodes[i], "edge")) continue;
      for (std::size_t j = 0; j < graph.nodes[i].interfaces.size(); ++j) {
        if (graph.nodes[i].interfaces[j].external != external) continue;
        if (const auto end = other_end(graph, {i, j})) {
          visit(end->node, external ? Side::outside : Side::inside);
        }
      }
    }
  }
  while (!queue.empty()) {
    const std::size_t node = queue.front();
    queue.pop_front();
    for (const Cable& cable : graph.cables) {
      if (cable.a.node == node) visit(cable.b.node, sides[node]);
      if (cable.b.node == node) visit(cable.a.node, sides[node]);
    }
  }
  for (std::size_t i = 0; i < sides.size(); ++i) {
    if (sides[i] == Side::outside) roles[i] = Role::outside;
  }
}

// Where an Egress leads to; a default route says nothing.
bool is_destination(const Graph& graph, const Node& node) {
  for (const Egress& egress : graph.egresses) {
    for (const std::string& text : egress.destinations) {
      const auto prefix = Prefix::parse(text);
      if (!prefix || prefix->length == 0) continue;
      for (const Interface& one : node.interfaces) {
        const bool inside = std::ranges::any_of(
            one.addresses, [&](const Prefix& held) { return prefix->contains(held.address); });
        if (inside) return true;
      }
    }
  }
  return false;
}

}  // namespace

void assign_roles(Graph& graph) {
  Roles roles(graph.nodes.size());
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (has_job(node, "edge") || has_job(node, "agent")) roles[i] = Role::host;
    if (node.role == Role::outside) roles[i] = Role::outside;
    if (node.known_pod) roles[i] = Role::pod;
  }
  flood_from_edges(graph, roles);
  for (std::size_t i = 0; i < roles.size(); ++i) {
    if (!roles[i] && is_destination(graph, graph.nodes[i]) && !carries(graph, i))
      roles[i] = Role::outside;
    graph.nodes[i].role = roles[i].value_or(carries(graph, i) ? Role::host : Role::pod);
  }
}

}  // namespace core::topology
