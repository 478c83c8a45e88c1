#include "cmd/lab/edge/manifests.hpp"

#include <algorithm>

#include "cmd/lab/edge/network.hpp"

namespace cmd {
namespace {

std::string service() {
  return R"(apiVersion: v1
kind: Service
metadata:
  namespace: shop
  name: web
spec:
  clusterIP: None
  ports:
  - {name: http, port: 80, targetPort: 8080, protocol: TCP}
  - {name: echo, port: 7, targetPort: 7, protocol: TCP}
  - {name: echo-udp, port: 7, targetPort: 7, protocol: UDP}
)";
}

std::string endpoint_slice(std::string_view family, const std::vector<std::string>& addresses) {
  std::string text = R"(apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  namespace: shop
  name: web-)" + std::string(family) +
                     R"(
  labels:
    kubernetes.io/service-name: web
addressType: )" + std::string(family == "ipv4" ? "IPv4" : "IPv6") +
                     R"(
ports:
- {name: http, port: 8080, protocol: TCP}
- {name: echo, port: 7, protocol: TCP}
- {name: echo-udp, port: 7, protocol: UDP}
endpoints:)" + (addresses.empty() ? " []\n" : "\n");
  for (const std::string& each : addresses) {
    text += "- addresses: [\"" + each + "\"]\n  conditions: {ready: true}\n";
  }
  return text;
}

// `rest` follows the addresses and is indented by two.
std::string mapping(const std::string& name, const std::string& rest) {
  return R"(apiVersion: smartnat.aureacentral.com/v1alpha1
kind: Mapping
metadata:
  namespace: shop
  name: )" +
         name + R"(
spec:
  mode: service
  serviceName: web
  preserveClientIP: true
  addresses: [")" +
         std::string(external4) + "\", \"" + std::string(external6) + "\", \"" +
         std::string(first_external4) + "\"]\n" + rest;
}

std::string port(std::uint16_t external, std::uint16_t service_port, std::string_view protocol) {
  return "  - {port: " + std::to_string(external) +
         ", servicePort: " + std::to_string(service_port) + ", protocol: " + std::string(protocol) +
         "}\n";
}

}  // namespace

Manifests edge_manifests() {
  Manifests all = endpoint_manifests({"pod1", "pod2", "pod3"});
  all["service.yaml"] = service();
  all["mapping-web.yaml"] =
      mapping("web", "  ports:\n" + port(web_port, 80, "tcp") + port(echo_port, 7, "tcp") +
                         port(echo_port, 7, "udp"));
  all["mapping-sticky.yaml"] =
      mapping("sticky", "  sessionAffinity: ClientIP\n  ports:\n" + port(sticky_port, 80, "tcp"));
  all["mapping-office.yaml"] =
      mapping("office", "  allowedSources: [\"" + std::string(office4) + "/32\"]\n  ports:\n" +
                            port(office_port, 80, "tcp"));
  return all;
}

Manifests endpoint_manifests(const std::vector<std::string_view>& names) {
  std::vector<std::string> ipv4;
  std::vector<std::string> ipv6;
  for (const Pod& pod : pods) {
    if (std::ranges::find(names, pod.name) == names.end()) continue;
    ipv4.emplace_back(pod.ipv4);
    ipv6.emplace_back(pod.ipv6);
  }
  return {{"endpoints-ipv4.yaml", endpoint_slice("ipv4", ipv4)},
          {"endpoints-ipv6.yaml", endpoint_slice("ipv6", ipv6)}};
}

}  // namespace cmd
