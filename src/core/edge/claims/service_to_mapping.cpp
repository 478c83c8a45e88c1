#include "core/edge/claims/service_to_mapping.hpp"

namespace core {

std::optional<Mapping> mapping_of(const Service& service) {
  if (!service.load_balancer || service.load_balancer->assigned.empty() || service.ports.empty()) {
    return std::nullopt;
  }
  const LoadBalancer& balancer = *service.load_balancer;
  Mapping mapping;
  mapping.name = service.name;
  mapping.created = balancer.created;
  mapping.addresses = balancer.assigned;
  mapping.allowed_sources = balancer.allowed_sources;
  mapping.service = service.name.name;
  for (const ServicePort& port : service.ports) {
    mapping.ports.push_back({{port.port, port.port}, port.port, port.protocol});
  }
  // Who asks for Local asks for the client's address, first of all.
  if (balancer.local) mapping.preserve_client_ip = true;
  return mapping;
}

}  // namespace core
