#include <array>
#include <string>
#include <utility>

#include "kube/decode_kinds.hpp"

namespace kube {
namespace {

using core::Service;

Service::Type decode_type(const Field& field) {
  struct Word {
    std::string_view text;
    Service::Type type;
  };
  static constexpr std::array words = {Word{"ClusterIP", Service::Type::cluster_ip},
                                       Word{"NodePort", Service::Type::node_port},
                                       Word{"LoadBalancer", Service::Type::load_balancer},
                                       Word{"ExternalName", Service::Type::external_name}};
  const auto text = field.string();
  if (!text) return Service::Type::cluster_ip;
  for (const Word& word : words) {
    if (*text == word.text) return word.type;
  }
  field.reject(quote(*text) +
               " is no type of Services: ClusterIP, NodePort, LoadBalancer and "
               "ExternalName are");
  return Service::Type::cluster_ip;
}

std::vector<core::Address> decode_cluster_ips(const Field& spec) {
  std::vector<core::Address> addresses;
  const auto add = [&](const Field& field) {
    const auto text = field.string();
    if (!text || text->empty() || *text == "None") return;  // headless, or none given yet
    if (const auto address = decode_address(field)) addresses.push_back(*address);
  };
  const Field list = spec.at("clusterIPs");
  if (list.missing()) {
    add(spec.at("clusterIP"));
  } else {
    for (const Field& element : list.elements()) add(element);
  }
  return addresses;
}

core::ServicePort decode_port(const Field& field) {
  core::ServicePort port;
  if (!field.is_map()) return port;
  port.name = field.at("name").string().value_or("");
  const Field number = field.at("port");
  if (number.missing()) number.reject("missing");
  port.port = static_cast<std::uint16_t>(number.integer(1, 65535).value_or(0));
  port.protocol = decode_protocol(field.at("protocol"));
  const Field target = field.at("targetPort");
  if (target.node() && target.node()->type() == Node::Type::integer) {
    // 0 stands for "not set" in objects that Go programs write.
    port.target_port = static_cast<std::uint16_t>(target.integer(0, 65535).value_or(0));
  } else {
    static_cast<void>(target.string());
  }
  return port;
}

}  // namespace

Service decode_service(const Field& root, core::ObjectName name) {
  Service service;
  service.name = std::move(name);
  const Field spec = root.at("spec");
  if (spec.missing()) spec.reject("missing");
  if (!spec.is_map()) return service;
  service.type = decode_type(spec.at("type"));
  if (service.type != Service::Type::external_name) service.cluster_ips = decode_cluster_ips(spec);
  const Field ports = spec.at("ports");
  for (const Field& element : ports.elements()) service.ports.push_back(decode_port(element));
  service.affinity = decode_affinity(spec.at("sessionAffinity"));
  return service;
}

}  // namespace kube
