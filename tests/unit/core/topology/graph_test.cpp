#include "core/topology/graph.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "unit/core/topology/example.hpp"

namespace unit::topology_graph_test {

using namespace core::topology;
using namespace unit::topology_example;
using Role = Node::Role;

namespace {

std::vector<std::string> words(const Graph& graph) {
  std::vector<std::string> all;
  for (const Finding& one : findings(graph)) all.emplace_back(one.word);
  return all;
}

}  // namespace

TEST_CASE("topology: who is outside, a host, a pod") {
  const Graph graph = edge(2);
  const std::vector<Role> wanted = {Role::host, Role::outside, Role::host, Role::pod, Role::pod};
  std::vector<Role> roles;
  for (const Node& one : graph.nodes) roles.push_back(one.role);
  CHECK(roles == wanted);
}

TEST_CASE("topology: a second edge beside the first is inside, as it is as near") {
  Graph graph = edge(1);
  Node other;
  other.name = "edge2";
  other.forwards = true;
  Interface leg;
  leg.name = "ext1";
  leg.kind = "veth";
  other.interfaces = {leg, leg};
  graph.nodes.push_back(other);
  // At the client's network and at the switch.
  graph.nodes[1].interfaces.push_back(leg);
  graph.nodes[2].interfaces.push_back(leg);
  graph.cables.push_back({{4, 0}, {1, 1}});
  graph.cables.push_back({{4, 1}, {2, graph.nodes[2].interfaces.size() - 1}});
  for (Node& one : graph.nodes) one.role = Role::pod;
  assign_roles(graph);
  CHECK(graph.nodes[4].role == Role::host);
  CHECK(graph.nodes[1].role == Role::outside);
}

TEST_CASE("topology: what is well has no mark, what fails has one") {
  CHECK(findings(edge(3)).empty());
  CHECK(words(broken_edge()) == std::vector<std::string>{"link-down", "no-endpoint", "rejected",
                                                         "mtu-differs", "mtu-differs"});
  CHECK(words(node(9)) == std::vector<std::string>{"nat-pod-dead", "nat-pod-draining"});
}

TEST_CASE("topology: a card that nobody uses may be down, one with an address may not") {
  Graph graph = node(1);
  Interface spare;
  spare.name = "eth1";
  spare.up = false;
  graph.nodes[0].interfaces = {spare};
  graph.cables.clear();
  mark_faults(graph);
  CHECK(graph.nodes[0].interfaces[0].marks.empty());
  graph.nodes[0].interfaces[0].addresses = {*core::Prefix::parse("192.0.2.1/24")};
  mark_faults(graph);
  CHECK(worst(graph.nodes[0].interfaces[0].marks) == Severity::fault);
}

TEST_CASE("topology: an address that somebody else has as well is marked") {
  Graph graph = edge(1);
  graph.nodes[0].interfaces[0].duplicates = {*core::Address::parse("203.0.113.5")};
  mark_faults(graph);
  CHECK(words(graph) == std::vector<std::string>{"duplicate-address"});
}

}  // namespace unit::topology_graph_test
