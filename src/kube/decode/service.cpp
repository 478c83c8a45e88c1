#include <array>
#include <string>
#include <utility>

#include "core/constants.hpp"
#include "kube/decode/kinds.hpp"

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
               " is not a type of Services: ClusterIP, NodePort, LoadBalancer and "
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

core::ServicePort decode_service_port(const Field& field) {
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

std::vector<core::Address> decode_ingress(const Field& root) {
  std::vector<core::Address> addresses;
  const Field status = root.at("status");
  const Field balancer = status.at("loadBalancer");
  const Field ingress = balancer.at("ingress");
  for (const Field& element : ingress.elements()) {
    const Field ip = element.at("ip");
    if (ip.missing()) continue;  // a host name, of somebody else
    if (const auto address = decode_address(ip)) addresses.push_back(*address);
  }
  return addresses;
}

// What the author asks for, in the words that are valid; the rest is a fault of the wish alone.
void decode_wishes(const Field& root, const Field& spec, core::LoadBalancer& balancer) {
  const Field metadata = root.at("metadata");
  const Field annotations = metadata.at("annotations");
  balancer.pool = annotations.at(address_pool_annotation).string().value_or("");
  const Field list = annotations.at(addresses_annotation);
  const Field old = spec.at("loadBalancerIP");
  const bool listed = !list.missing();
  std::string_view text = (listed ? list : old).string().value_or("");
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    const auto address = core::Address::parse(one);
    if (!address) {
      balancer.fault = (listed ? "annotation " + std::string(addresses_annotation)
                               : std::string("spec.loadBalancerIP")) +
                       ": " + quote(one) + " is not an IPv4 or IPv6 address";
      return;
    }
    balancer.requested.push_back(*address);
  }
}

core::LoadBalancer decode_load_balancer(const Field& root, const Field& spec) {
  core::LoadBalancer balancer;
  balancer.assigned = decode_ingress(root);
  decode_wishes(root, spec, balancer);
  const Field families = spec.at("ipFamilies");
  for (const Field& element : families.elements()) {
    balancer.families.push_back(element.string().value_or("") == "IPv6" ? core::Family::ipv6
                                                                        : core::Family::ipv4);
  }
  if (balancer.families.empty()) balancer.families.push_back(core::Family::ipv4);
  const Field sources = spec.at("loadBalancerSourceRanges");
  for (const Field& each : sources.elements()) {
    const Field element = each.contained();
    const auto text = element.string();
    const auto prefix = text ? core::Prefix::parse_sloppy(*text) : std::nullopt;
    if (text && !prefix) {
      element.reject(quote(*text) + " is not an address or network like 198.51.100.0/24");
    }
    if (prefix) balancer.allowed_sources.push_back(prefix->masked());
  }
  // With none left everybody would be let in.
  if (balancer.allowed_sources.empty() && !sources.elements().empty()) {
    sources.reject("none of these can be used");
  }
  balancer.local = spec.at("externalTrafficPolicy").string().value_or("") == "Local";
  return balancer;
}

}  // namespace

core::Object decode_service(const Field& root, core::ObjectName name,
                            const DecodeOptions& /*options*/) {
  Service service;
  service.name = std::move(name);
  const Field spec = root.at("spec");
  if (spec.missing()) spec.reject("missing");
  if (!spec.is_map()) return service;
  service.type = decode_type(spec.at("type"));
  if (service.type != Service::Type::external_name) service.cluster_ips = decode_cluster_ips(spec);
  const Field ports = spec.at("ports");
  for (const Field& element : ports.elements())
    service.ports.push_back(decode_service_port(element));
  service.affinity = decode_affinity(spec.at("sessionAffinity"));
  if (service.type == Service::Type::load_balancer &&
      spec.at("loadBalancerClass").string() == core::constants::load_balancer_class) {
    service.load_balancer = decode_load_balancer(root, spec);
    service.load_balancer->created = decode_created(root);
  }
  return service;
}

}  // namespace kube
