#include <algorithm>

#include "core/cluster_model/parts.hpp"

namespace core::cluster_model {
namespace {

constexpr Topic topics[] = {
    {"flat",
     "Flat (fully integrated): pods, nodes and everything else in the private network share one "
     "address space. Whoever knows a pod's address reaches it, nothing is translated inside the "
     "network, and pod ranges must not overlap. Good where addresses abound, the network can be "
     "programmed, and Kubernetes is a large part of it. Bad where addresses are scarce or in "
     "pieces, where the network is hard to configure, and where Kubernetes is a small part."},
    {"isolated",
     "Isolated (air-gapped): nothing gets in or out, and there is no traffic between clusters, so "
     "each may use the same addresses. Good where nothing has to be integrated, and where a "
     "boundary has to be easy to reason about. Bad as soon as something has to talk over the "
     "cluster's edge."},
    {"island",
     "Island (bridge): pods have addresses of a network of the cluster's own, which counts nowhere "
     "else and may be used again by other clusters; traffic passes gateways, which translate it. "
     "Good where some integration is needed and addresses are scarce. Bad where connectivity has "
     "to be debugged, clients need single pods, many services have to be exposed, firewalls rely "
     "on clients' addresses, or there are many nodes."},
    {"archipelago",
     "Archipelago (bigger islands): several clusters reach each other's pods without translation, "
     "so their pod ranges must differ; to the rest of the network all of them together are an "
     "island, with its gateways. Good where clusters have to be tightly integrated with each "
     "other. Bad where an island is, and it is the nodes of all clusters together that count."},
    {"node-port",
     "Node port: each node takes a port (30000 to 32767) for a Service, and sends what comes there "
     "to a pod, by destination NAT. With externalTrafficPolicy: Cluster the node puts its own "
     "address in place of the client's, so that the answer comes back to it; with Local it does "
     "not, and only nodes with such a pod take it."},
    {"vip",
     "VIP: an address that stands for a Service, given by a load balancer or in externalIPs. The "
     "network leads it to a node, which decides by the destination's address. As with node ports, "
     "externalTrafficPolicy decides whether the client's address is kept."},
    {"proxy",
     "Proxy: a program that ends the client's connection and opens one of its own to a pod: "
     "Ingress controllers, Gateways, some load balancers. Pods see the proxy's address; the "
     "client's is in a header (X-Forwarded-For, the PROXY protocol), if it had not been lost "
     "before the proxy."},
    {"edge-nat",
     "Edge NAT: an appliance outside the nodes has the external addresses and sends what comes "
     "there to pods, as pona edge does for Mappings and for Services of the class pona.dev/edge. "
     "It puts its own address in place of the client's, unless the Mapping says preserveClientIP: "
     "true."},
    {"masquerade",
     "Masquerade: what pods send to addresses outside leaves each node with the node's address "
     "(source NAT). Outside nobody can tell one pod from another, and there are as many source "
     "addresses as nodes."},
    {"egress-gateway",
     "Egress gateway: what chosen pods send is led to a gateway, and leaves with its address, as "
     "by the NAT pods of a pona Egress: few addresses that stay, which firewalls outside can "
     "name."},
};

}  // namespace

const Topic* find_topic(std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const Topic& one : topics) {
    if (std::ranges::equal(one.name, name,
                           [&](char a, char b) { return a == (b == ' ' ? '-' : lower(b)); })) {
      return &one;
    }
  }
  return nullptr;
}

std::vector<std::string_view> topic_names() {
  std::vector<std::string_view> names;
  for (const Topic& one : topics) names.push_back(one.name);
  return names;
}

std::vector<std::string> to_lines(const Topic& topic, std::size_t width) {
  return wrapped(topic.text, width, "", 0);
}

}  // namespace core::cluster_model
