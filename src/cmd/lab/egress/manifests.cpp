#include "cmd/lab/egress/manifests.hpp"

namespace cmd {
namespace {

std::string egress(std::string_view encapsulation) {
  return R"(apiVersion: pona.cybozu.com/v1
kind: Egress
metadata:
  namespace: internet
  name: egress
spec:
  destinations: [0.0.0.0/0, "::/0"]
  replicas: 2
  encapsulation: )" +
         std::string(encapsulation) + "\n  drainSeconds: " + std::to_string(drain_seconds) + '\n';
}

// `metadata` is indented by two.
std::string manifest(const EgressPod& pod, const std::string& metadata,
                     const std::string& containers = {}) {
  const std::string name(pod.name);
  return "apiVersion: v1\nkind: Pod\nmetadata:\n  namespace: " + std::string(pod.ns) +
         "\n  name: " + name + "\n  uid: " + name + '\n' + metadata +
         "spec:\n  nodeName: " + std::string(pod.node) + '\n' + containers +
         "status: {phase: Running, podIPs: [{ip: " + std::string(pod.ipv4) + "}, {ip: \"" +
         std::string(pod.ipv6) + "\"}]}\n";
}

std::string file_of(const EgressPod& pod) { return "pod-" + std::string(pod.name) + ".yaml"; }

std::string endpoint_slice(std::string_view name, std::string_view type,
                           const std::string& endpoints) {
  return R"(apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  namespace: internet
  name: )" +
         std::string(name) + R"(
  labels:
    kubernetes.io/service-name: egress
    app.kubernetes.io/name: pona
    app.kubernetes.io/component: egress
addressType: )" +
         std::string(type) + R"(
ports:
- {port: 5555, protocol: UDP}
endpoints:)" +
         (endpoints.empty() ? " []\n" : '\n' + endpoints);
}

std::string endpoint(std::string_view address, NatState state) {
  if (state == NatState::absent) return {};
  return "- addresses: [\"" + std::string(address) + "\"]\n  conditions: " +
         (state == NatState::ready ? "{ready: true}"
                                   : "{ready: false, serving: true, terminating: true}") +
         '\n';
}

}  // namespace

Manifests client_manifest(const EgressPod& client, bool asks) {
  const std::string annotation = "annotations: {egress.pona.cybozu.com/internet: egress}\n";
  return {{file_of(client), manifest(client, (asks ? "  " : "  # ") + annotation)}};
}

Manifests gateway_manifests(NatState nat1, NatState nat2) {
  const auto& [first, second] = nat_pods;
  return {{"endpoints-ipv4.yaml",
           endpoint_slice("egress-ipv4", "IPv4",
                          endpoint(first.ipv4, nat1) + endpoint(second.ipv4, nat2))},
          {"endpoints-ipv6.yaml",
           endpoint_slice("egress-ipv6", "IPv6",
                          endpoint(first.ipv6, nat1) + endpoint(second.ipv6, nat2))}};
}

Manifests egress_manifests(std::string_view encapsulation) {
  Manifests all = gateway_manifests(NatState::ready, NatState::ready);
  all["egress.yaml"] = egress(encapsulation);
  for (const EgressPod& client : clients)
    all.merge(client_manifest(client, client.name != "client2"));
  for (const EgressPod& nat : nat_pods) {
    all[file_of(nat)] =
        manifest(nat,
                 "  labels: {app.kubernetes.io/name: pona, app.kubernetes.io/instance: "
                 "egress, app.kubernetes.io/component: egress}\n",
                 "  containers:\n  - name: egress\n"
                 "    securityContext: {capabilities: {add: [NET_ADMIN]}}\n");
  }
  return all;
}

}  // namespace cmd
