#include "cmd/lab/egress/network.hpp"

#include <algorithm>

#include "cmd/lab/network.hpp"
#include "cmd/node/sandbox_record.hpp"

namespace cmd {
namespace {

constexpr const char* gateway4 = "169.254.1.1";
constexpr const char* gateway6 = "fe80::1";
constexpr const char* interface = "eth0";

Sandbox sandbox_of(const LabHome& lab, const EgressPod& pod) {
  Sandbox sandbox;
  sandbox.container = pod.name;
  sandbox.interface = interface;
  sandbox.netns = lab.at(std::string(pod.name)).path();
  sandbox.cookie = netns_cookie(lab.at(std::string(pod.name)));
  sandbox.pod = {std::string(pod.ns), std::string(pod.name)};
  sandbox.uid = pod.name;
  sandbox.addresses = {address(pod.ipv4), address(pod.ipv6)};
  return sandbox;
}

// Nodes are neighbours of each other, and reach the rest by the router.
void build_node(LabHome& lab, const std::string& number, const std::string& other) {
  const std::string node = "node" + number;
  add_leg(lab, node, interface, "router", node, "nodes",
          {"172.18.0." + number + "/24", "fd00:18::" + number + "/64"});
  add_default_routes(lab, node, "172.18.0.254", "fd00:18::fe");
  net::Links links(lab.at(node));
  links.add_route(prefix("10.64." + other + ".0/24"), address("172.18.0." + other));
  links.add_route(prefix("fd00:64:" + other + "::/64"), address("fd00:18::" + other));
  net::Links router(lab.at("router"));
  router.add_route(prefix("10.64." + number + ".0/24"), address("172.18.0." + number));
  router.add_route(prefix("fd00:64:" + number + "::/64"), address("fd00:18::" + number));
}

void build_outside(LabHome& lab) {
  add_leg(lab, "outside", interface, "router", "outside", "",
          {std::string(outside4) + "/24", std::string(outside6) + "/64"});
  net::Links outside(lab.at("outside"));
  for (const core::Address& host : outside_hosts()) {
    outside.add_address(interface, core::Prefix::host(host));
  }
  net::Links router(lab.at("router"));
  router.add_address("outside", prefix("203.0.113.1/24"));
  router.add_address("outside", prefix("2001:db8:f::1/64"));
  add_default_routes(lab, "outside", "203.0.113.1", "2001:db8:f::1");
}

}  // namespace

const EgressPod& egress_pod(std::string_view name) {
  for (const EgressPod& pod : nat_pods) {
    if (pod.name == name) return pod;
  }
  return *std::ranges::find(clients, name, &EgressPod::name);
}

std::vector<core::Address> outside_hosts() {
  std::vector<core::Address> hosts;
  for (int host = 20; host < 36; ++host) {
    hosts.push_back(address("203.0.113." + std::to_string(host)));
    hosts.push_back(address("2001:db8:f::" + std::to_string(host)));
  }
  return hosts;
}

void build_egress_network(LabHome& lab) {
  need_ipv6();
  add_host(lab, "outside", {});
  add_host(lab, "router", {.router = true, .strict = true});
  for (const std::string_view node : nodes) {
    add_host(lab, std::string(node), {.router = true, .strict = true});
  }
  net::Links router(lab.at("router"));
  add_bridge(router, "nodes", {"172.18.0.254/24", "fd00:18::fe/64"});
  build_node(lab, "1", "2");
  build_node(lab, "2", "1");
  build_outside(lab);
  for (const EgressPod& pod : clients) add_pod(lab, pod);
  for (const EgressPod& pod : nat_pods) add_pod(lab, pod);
}

void add_pod(LabHome& lab, const EgressPod& pod) {
  const std::string name(pod.name);
  const std::string node(pod.node);
  add_host(lab, name, {});
  add_leg(lab, name, interface, node, name, "",
          {std::string(pod.ipv4) + "/32", std::string(pod.ipv6) + "/128"});
  net::Links inside(lab.at(name));
  inside.add_link_route(core::Prefix::host(address(gateway4)), interface);
  inside.add_route(prefix("0.0.0.0/0"), address(gateway4), interface);
  inside.add_route(prefix("::/0"), address(gateway6), interface);
  net::Links outside(lab.at(node));
  outside.add_address(name, core::Prefix::host(address(gateway4)));
  outside.add_address(name, prefix(std::string(gateway6) + "/64"));
  outside.add_link_route(core::Prefix::host(address(pod.ipv4)), name);
  outside.add_link_route(core::Prefix::host(address(pod.ipv6)), name);
  SandboxStore(sandboxes(lab, pod.node)).put(sandbox_of(lab, pod));
}

void remove_pod(LabHome& lab, const EgressPod& pod) {
  const std::string name(pod.name);
  SandboxStore(sandboxes(lab, pod.node)).remove(name, interface);
  // At once, and not when the kernel gets round to it: its successor has the same name.
  net::Links(lab.at(std::string(pod.node))).remove(name);
  lab.remove_namespace(name);
}

std::filesystem::path sandboxes(const LabHome& lab, std::string_view node) {
  return lab.path() / "sandboxes" / node;
}

}  // namespace cmd
