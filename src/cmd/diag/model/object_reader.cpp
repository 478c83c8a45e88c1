#include "cmd/diag/model/object_reader.hpp"

#include <algorithm>

#include "cmd/diag/model/object_fields.hpp"
#include "core/constants.hpp"

namespace cmd {
namespace {

namespace model = core::cluster_model;
using kube::Node;
using model::Form;

constexpr std::size_t most_objects_shown = 20;
constexpr std::size_t most_pods = 20000;
constexpr std::size_t most_pod_ranges = 32;
constexpr std::size_t most_nodes = 10000;

// "port 30080/tcp, 30443/tcp"
std::string ports_text(const Node& service, std::string_view field) {
  std::string text;
  for (const Node& port : list_below(service, {"spec", "ports"})) {
    const std::string_view number = text_below(port, {field});
    if (number.empty() || number == "0") continue;
    const std::string_view given = text_below(port, {"protocol"});
    std::string protocol(given.empty() ? "TCP" : given);
    std::ranges::transform(protocol, protocol.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    text += (text.empty() ? "port " : ", ") + std::string(number) + "/" + protocol;
  }
  return text;
}

bool in_group(std::string_view api_version, std::string_view group) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? group.empty() : api_version.substr(0, slash) == group;
}

}  // namespace

std::span<const GatewayKind> gateway_kinds() {
  static constexpr GatewayKind all[] = {
      {"networking.k8s.io", "v1", "Ingress", "ingresses", Form::proxy, ""},
      {"gateway.networking.k8s.io", "v1", "Gateway", "gateways", Form::proxy, ""},
      {"traefik.io", "v1alpha1", "IngressRoute", "ingressroutes", Form::proxy, "Traefik"},
      {"projectcontour.io", "v1", "HTTPProxy", "httpproxies", Form::proxy, "Contour"},
      {"route.openshift.io", "v1", "Route", "routes", Form::proxy, "OpenShift router"},
      {"pona.cybozu.com", "v1", "Egress", "egresses", Form::egress_gateway, "pona"},
      {"coil.cybozu.com", "v2", "Egress", "egresses", Form::egress_gateway, "Coil"},
      {"crd.antrea.io", "v1beta1", "Egress", "egresses", Form::egress_gateway, "Antrea"},
      {"cilium.io", "v2", "CiliumEgressGatewayPolicy", "ciliumegressgatewaypolicies",
       Form::egress_gateway, "Cilium"},
      {"k8s.ovn.org", "v1", "EgressIP", "egressips", Form::egress_gateway, "OVN-Kubernetes"},
      {"egressgateway.spidernet.io", "v1beta1", "EgressGateway", "egressgateways",
       Form::egress_gateway, "EgressGateway"},
      {"kubeovn.io", "v1", "VpcNatGateway", "vpc-nat-gateways", Form::egress_gateway, "Kube-OVN"},
  };
  return all;
}

bool ModelObjectReader::add_gateway(Form form, std::string by, std::optional<bool> keeps,
                                    std::string why, std::string object) {
  for (model::Gateway& one : evidence_.gateways) {
    if (one.form != form || one.by != by || one.keeps_source != keeps || one.why != why) continue;
    ++one.count;
    if (one.objects.size() < most_objects_shown) one.objects.push_back(std::move(object));
    return false;
  }
  evidence_.gateways.push_back(
      {form, std::move(by), keeps, std::move(why), 1, {std::move(object)}});
  return true;
}

void ModelObjectReader::add_setting(model::Setting::What what, std::optional<core::Family> family,
                                    std::string source, std::string text) {
  if (!cluster_.empty()) return;
  model::Setting setting{what, family, std::move(source), std::move(text)};
  if (std::ranges::find(evidence_.settings, setting) == evidence_.settings.end())
    evidence_.settings.push_back(std::move(setting));
}

void ModelObjectReader::add_range(std::string_view text, const std::string& source) {
  const auto range = core::Prefix::parse(text);
  if (!range || range->length == 0) return;
  model::PodRange one{range->masked(), cluster_, source};
  if (std::ranges::find(evidence_.ranges, one) == evidence_.ranges.end())
    evidence_.ranges.push_back(std::move(one));
}

void ModelObjectReader::take(const Node& object) {
  if (object.type() != Node::Type::map) return;
  const std::string_view kind = kube::text_at(object, "kind");
  const std::string_view version = kube::text_at(object, "apiVersion");
  const auto items = object.find("items");
  if (!items || !kind.ends_with("List") || items->type() != Node::Type::sequence) {
    take(object, version, kind);
    return;
  }
  for (const Node item : *items) {
    if (item.type() != Node::Type::map) continue;
    const std::string_view own = kube::text_at(item, "kind");
    // Elements of a typed list need not say what they are.
    if (own.empty()) {
      take(item, version, kind.substr(0, kind.size() - 4));
    } else if (!own.ends_with("List")) {
      take(item, kube::text_at(item, "apiVersion"), own);
    }
  }
}

void ModelObjectReader::take(const Node& object, std::string_view version, std::string_view kind) {
  if (object.type() != Node::Type::map) return;
  ++objects_;
  const bool core_group = in_group(version, "");
  if (core_group && kind == "Node") return node(object);
  if (core_group && kind == "Pod") return pod(object);
  if (kind == "IPPool" && version.find("projectcalico.org/") != std::string_view::npos)
    return ip_pool(object);
  if (!cluster_.empty()) return;
  if (core_group && kind == "Service") return service(object);
  if (core_group && kind == "ConfigMap") return config_map(object);
  if (in_group(version, "smartnat.aureacentral.com") && kind == "Mapping") return mapping(object);
  if (kind == "CiliumBGPAdvertisement" || kind == "CiliumBGPPeeringPolicy")
    return announcement(object, kind);
  if (kind == "DaemonSet" && qualified_name(object) == "kube-system/aws-node") {
    add_setting(model::Setting::What::native, {}, "DaemonSet kube-system/aws-node",
                "pods have addresses of the VPC (Amazon VPC CNI)");
    return;
  }
  for (const GatewayKind& one : gateway_kinds()) {
    if (one.name != kind || !in_group(version, one.group)) continue;
    std::string by(one.by);
    if (by.empty()) {
      const std::string_view name = kind == "Gateway"
                                        ? text_below(object, {"spec", "gatewayClassName"})
                                        : text_below(object, {"spec", "ingressClassName"});
      by = name.empty() ? "" : "class " + std::string(name);
    }
    const std::string why = one.form == Form::proxy
                                ? "a proxy; X-Forwarded-For or the PROXY protocol can carry it"
                                : "";
    add_gateway(one.form, std::move(by), false, why,
                std::string(kind) + " " + qualified_name(object));
    return;
  }
}

void ModelObjectReader::node(const Node& object) {
  if (evidence_.nodes.size() >= most_nodes) return;
  model::Node node;
  node.name = std::string(text_below(object, {"metadata", "name"}));
  for (const Node& one : list_below(object, {"status", "addresses"})) {
    if (const auto address = core::Address::parse_sloppy(text_below(one, {"address"})))
      node.addresses.push_back(*address);
  }
  std::vector<std::string> ranges;
  for (const Node& one : list_below(object, {"spec", "podCIDRs"}))
    ranges.emplace_back(text_of(one));
  if (ranges.empty()) ranges.emplace_back(text_below(object, {"spec", "podCIDR"}));
  for (const std::string& text : ranges) {
    const auto range = core::Prefix::parse(text);
    if (!range || range->length == 0) continue;
    node.ranges.push_back(range->masked());
    ++node_ranges_[range->masked()];
  }
  if (cluster_.empty()) evidence_.nodes.push_back(std::move(node));
}

void ModelObjectReader::pod(const Node& object) {
  const std::string_view phase = text_below(object, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") return;
  if (text_below(object, {"spec", "hostNetwork"}) == "true") return;
  if (cluster_.empty()) ++evidence_.pods;
  if (pods_.size() >= most_pods) return;
  const std::string node(text_below(object, {"spec", "nodeName"}));
  for (const Node& one : list_below(object, {"status", "podIPs"})) {
    if (const auto address = core::Address::parse_sloppy(text_below(one, {"ip"})))
      pods_.push_back({*address, node});
  }
}

void ModelObjectReader::service(const Node& object) {
  ++evidence_.services;
  const std::string_view type = text_below(object, {"spec", "type"});
  const std::string name = "Service " + qualified_name(object);
  const bool local = text_below(object, {"spec", "externalTrafficPolicy"}) == "Local";
  const std::string policy = std::string("externalTrafficPolicy: ") + (local ? "Local" : "Cluster");
  const auto ports = list_below(object, {"spec", "ports"});
  const auto target = [&](model::Walk::Kind kind, std::optional<core::Address> address,
                          std::string_view field) {
    if (ports.empty()) return;
    const auto port = core::parse_port(text_below(ports.front(), {field}));
    const auto protocol = core::parse_protocol(text_below(ports.front(), {"protocol"}));
    if (!port) return;
    targets_.push_back({kind, name, address, *port,
                        static_cast<std::uint8_t>(protocol.value_or(core::Protocol::tcp))});
  };
  if (type == "NodePort") {
    if (add_gateway(Form::node_port, "", local, policy,
                    name + ", " + ports_text(object, "nodePort")))
      target(model::Walk::Kind::to_node_port, {}, "nodePort");
  }
  const std::string_view load_balancer = text_below(object, {"spec", "loadBalancerClass"});
  const bool ours = load_balancer == core::constants::load_balancer_class;
  if (type == "LoadBalancer") {
    const auto given = list_below(object, {"status", "loadBalancer", "ingress"});
    std::string addresses;
    bool proxied = false;
    std::optional<core::Address> address;
    for (const Node& one : given) {
      const std::string_view ip = text_below(one, {"ip"});
      const std::string_view text = ip.empty() ? text_below(one, {"hostname"}) : ip;
      if (!address) address = core::Address::parse_sloppy(ip);
      proxied = proxied || text_below(one, {"ipMode"}) == "Proxy";
      addresses += (addresses.empty() ? " at " : ", ") + std::string(text);
    }
    if (addresses.empty()) addresses = " (no address yet)";
    const std::string what = name + addresses + ", " + ports_text(object, "port");
    const std::string by = load_balancer.empty() ? "" : "class " + std::string(load_balancer);
    bool first = false;
    if (ours) {
      // Without Local it is the edge's setting (--masquerade) that decides, which is on by default.
      first = add_gateway(Form::edge_nat, "pona", local ? std::optional(true) : std::nullopt,
                          local ? policy : "the edge's --masquerade decides", what);
    } else if (proxied) {
      add_gateway(Form::proxy, by, false, "status.loadBalancer.ingress.ipMode: Proxy", what);
    } else {
      first = add_gateway(Form::vip, by, local, policy, what);
    }
    if (first && address) target(model::Walk::Kind::to_vip, address, "port");
  }
  const auto external = list_below(object, {"spec", "externalIPs"});
  if (!external.empty()) {
    const std::string at(text_of(external.front()));
    if (add_gateway(Form::vip, "externalIPs", local, policy,
                    name + " at " + at + ", " + ports_text(object, "port"))) {
      target(model::Walk::Kind::to_vip, core::Address::parse_sloppy(at), "port");
    }
  }
}

void ModelObjectReader::mapping(const Node& object) {
  const std::string_view preserve = text_below(object, {"spec", "preserveClientIP"});
  std::optional<bool> keeps;
  if (!preserve.empty()) keeps = preserve == "true";
  std::string text = "Mapping " + qualified_name(object);
  const std::string name = text;
  const auto addresses = list_below(object, {"spec", "addresses"});
  for (const Node& one : addresses) {
    text += (&one == &addresses.front() ? " at " : ", ") + std::string(text_of(one));
  }
  text += ", " + ports_text(object, "port");
  const bool first =
      add_gateway(Form::edge_nat, "pona", keeps,
                  keeps ? "preserveClientIP: " + std::string(preserve)
                        : "preserveClientIP is not set: the edge's --masquerade decides",
                  text);
  const auto ports = list_below(object, {"spec", "ports"});
  if (!first || addresses.empty() || ports.empty()) return;
  const auto address = core::Address::parse(text_of(addresses.front()));
  const auto port = core::parse_port(text_below(ports.front(), {"port"}));
  const auto protocol = core::parse_protocol(text_below(ports.front(), {"protocol"}));
  if (!address || !port) return;
  targets_.push_back({model::Walk::Kind::to_vip, name, address, *port,
                      static_cast<std::uint8_t>(protocol.value_or(core::Protocol::tcp))});
}

void ModelObjectReader::finish() {
  // Ranges of many nodes, told as one where others hold them.
  std::size_t listed = 0;
  for (const auto& counted : node_ranges_) {
    const core::Prefix& range = counted.first;
    const std::size_t count = counted.second;
    const bool held = std::ranges::any_of(evidence_.ranges, [&](const model::PodRange& one) {
      return one.cluster == cluster_ && one.range.contains(range.first()) &&
             one.range.length <= range.length;
    });
    if (held || ++listed > most_pod_ranges) continue;
    add_range(to_string(range), count == 1
                                    ? "spec.podCIDRs of a node"
                                    : "spec.podCIDRs of " + std::to_string(count) + " nodes");
  }
  std::set<std::uint8_t> lengths;
  for (const auto& [range, count] : node_ranges_) lengths.insert(range.length);
  std::map<core::Prefix, std::size_t> loose;
  for (const ModelPod& pod : pods_) {
    const bool held =
        std::ranges::any_of(evidence_.ranges,
                            [&](const model::PodRange& one) {
                              return one.cluster == cluster_ && one.range.contains(pod.address);
                            }) ||
        std::ranges::any_of(lengths, [&](std::uint8_t length) {
          return length <= 8 * pod.address.size() &&
                 node_ranges_.contains(core::Prefix{pod.address, length}.masked());
        });
    const bool on_node = std::ranges::any_of(evidence_.nodes, [&](const model::Node& one) {
      return std::ranges::find(one.addresses, pod.address) != one.addresses.end();
    });
    if (held || on_node) continue;
    const std::uint8_t length = pod.address.family() == core::Family::ipv4 ? 24 : 64;
    ++loose[core::Prefix{pod.address, length}.masked()];
  }
  listed = 0;
  for (const auto& [range, count] : loose) {
    if (++listed > most_pod_ranges) break;
    add_range(to_string(range), "addresses of " + std::to_string(count) +
                                    (count == 1 ? " pod" : " pods") + ", no range is configured");
  }
}

}  // namespace cmd
