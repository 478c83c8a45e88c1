// A Service, as far as traffic from outside depends on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"
#include "core/object/object.hpp"

namespace core {

struct ServicePort {
  std::string name;  // may be empty when it is the only port
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  // Endpoints carry the resolved number; this is only the fall-back for EndpointSlices without
  // ports. 0 when the manifest names a port or says nothing.
  std::uint16_t target_port = 0;

  friend bool operator==(const ServicePort&, const ServicePort&) = default;
};

// What makes external addresses lead to a Service of type LoadBalancer: one of the class
// constants::load_balancer_class.
struct LoadBalancer {
  std::optional<std::int64_t> created;  // as a Mapping's
  std::vector<Address> assigned;        // status.loadBalancer.ingress: these lead to it
  std::vector<Address> requested;       // what its author asks for; empty: any
  std::string fault;                    // why its wishes cannot be understood; else empty
  std::string pool;                     // of this AddressPool; empty: of any
  std::vector<Family> families;         // spec.ipFamilies: one address of each is wanted
  std::vector<Prefix> allowed_sources;  // spec.loadBalancerSourceRanges; empty: everybody
  bool local = false;                   // externalTrafficPolicy Local

  friend bool operator==(const LoadBalancer&, const LoadBalancer&) = default;
};

struct Service {
  static constexpr Kind kind = Kind::service;
  static constexpr std::string_view kind_name = "Service";

  enum class Type : std::uint8_t { cluster_ip, node_port, load_balancer, external_name };

  ObjectName name;
  Type type = Type::cluster_ip;
  std::vector<Address> cluster_ips;  // empty for headless Services ("None") and ExternalName
  std::vector<ServicePort> ports;
  Affinity affinity = Affinity::none;
  std::optional<LoadBalancer> load_balancer;  // empty: it is not ours to balance

  friend bool operator==(const Service&, const Service&) = default;
};

}  // namespace core
