#include "unit/core/topology/example.hpp"

#include <string>
#include <utility>

namespace unit::topology_example {

using namespace core::topology;
using core::Prefix;

namespace {

Interface card(const std::string& name, std::vector<const char*> addresses,
               const std::string& kind = "veth") {
  Interface one;
  one.name = name;
  one.kind = kind;
  one.mtu = 1500;
  for (const char* address : addresses) one.addresses.push_back(*Prefix::parse(address));
  return one;
}

std::size_t add(Graph& graph, const std::string& name, std::vector<Interface> interfaces) {
  Node node;
  node.name = name;
  node.interfaces = std::move(interfaces);
  graph.nodes.push_back(std::move(node));
  return graph.nodes.size() - 1;
}

std::size_t leg(Graph& graph, std::size_t host, Interface one) {
  graph.nodes[host].interfaces.push_back(std::move(one));
  return graph.nodes[host].interfaces.size() - 1;
}

Graph finished(Graph graph) {
  assign_roles(graph);
  mark_faults(graph);
  return graph;
}

Graph raw_edge(std::size_t pods) {
  Graph graph;
  Interface external = card("ext1", {"203.0.113.2/24", "203.0.113.5/24", "2001:db8:2::5/64"});
  external.external = true;
  add(graph, "edge", {external, card("cluster", {"10.1.0.2/24", "fd00:1::2/64"})});
  graph.nodes[0].jobs = {"edge"};
  add(graph, "client <b>&\"co\"", {card("eth0", {"203.0.113.10/24", "fe80::1/64"})});
  add(graph, "switch", {card("pods", {}, "bridge"), card("edge", {})});
  graph.nodes[2].interfaces[1].master = "pods";
  graph.cables = {{{0, 0}, {1, 0}}, {{0, 1}, {2, 1}}};
  Mapping web{
      "Mapping shop/web", "active", 0, {}, {{"203.0.113.5:443/tcp", "shop/web", true, {}}}, {}};
  for (std::size_t i = 1; i <= pods; ++i) {
    const std::string number = std::to_string(i), address = "10.1.0." + std::to_string(10 + i);
    const std::size_t pod =
        add(graph, "pod shop/web-" + number, {card("eth0", {(address + "/24").c_str()})});
    graph.nodes[pod].known_pod = true;
    Interface port = card("veth" + number, {});
    port.master = "pods";
    graph.cables.push_back({{2, leg(graph, 2, port)}, {pod, 0}});
    if (i == 1 || i < pods) web.ports[0].endpoints.push_back({address + ":8443", pod, 1, false});
  }
  graph.mappings.push_back(web);
  return graph;
}

}  // namespace

Graph edge(std::size_t pods) { return finished(raw_edge(pods)); }

Graph broken_edge() {
  Graph graph = raw_edge(3);
  graph.nodes[3].interfaces[0].up = false;
  graph.nodes[4].interfaces[0].mtu = 1400;
  graph.mappings.push_back({"Mapping shop/mail",
                            "degraded",
                            0,
                            {},
                            {{"203.0.113.5:25/tcp", "shop/mail", true, {}}},
                            {}});
  graph.mappings.push_back(
      {"Service shop/old", "rejected", 0, {"203.0.113.5:443/tcp is Mapping shop/web's"}, {}, {}});
  graph.notes = {"the agent at /run/pona/agent.sock does not answer"};
  return finished(std::move(graph));
}

Graph node(std::size_t pods) {
  Graph graph;
  add(graph, "this host", {card("eth0", {"192.0.2.20/24", "2001:db8::20/64"}, "")});
  graph.nodes[0].jobs = {"agent"};
  graph.nodes[0].forwards = true;
  Node network;
  network.name = "the network";
  network.role = Node::Role::outside;
  network.elsewhere = true;
  graph.nodes.push_back(network);
  graph.cables.push_back({{0, 0}, {1, nowhere}});
  Egress egress{"internet/egress", "VXLAN", {"0.0.0.0/0", "::/0"}, {}, {}, {}};
  const std::vector<std::string> workloads = {"shop/web-", "shop/queue-", "mail/relay-"};
  for (std::size_t i = 0; i < pods; ++i) {
    const bool nat = i < 2 && pods > 4;
    const std::string address = "10.64.0." + std::to_string(10 + i);
    const std::string name =
        nat ? "internet/egress-" + std::to_string(i) : workloads[i % 3] + std::to_string(i);
    const std::size_t pod = add(graph, "pod " + name, {card("eth0", {(address + "/32").c_str()})});
    graph.nodes[pod].known_pod = true;
    graph.cables.push_back(
        {{0, leg(graph, 0, card("veth" + std::to_string(1000 + i), {}))}, {pod, 0}});
    if (nat) {
      graph.nodes[pod].jobs = {"NAT pod"};
      Interface tunnel = card("pona-gpe", {}, "vxlan");
      tunnel.mtu = 1450;
      tunnel.tunnel = "VXLAN-GPE port 4790 by routes";
      graph.nodes[pod].interfaces.push_back(tunnel);
      egress.nat_pods.push_back({address, "up", pod});
    } else if (i % 3 == 0) {
      egress.clients.push_back({pod, {}, {}});
    }
  }
  for (const auto& [address, state] : {std::pair{"10.64.1.7", "draining"}, {"10.64.2.9", "dead"}}) {
    const std::size_t far = add(graph, address, {});
    graph.nodes[far].elsewhere = graph.nodes[far].known_pod = true;
    graph.nodes[far].jobs = {"NAT pod"};
    egress.nat_pods.push_back({address, state, far});
  }
  graph.egresses.push_back(egress);
  return finished(std::move(graph));
}

}  // namespace unit::topology_example
