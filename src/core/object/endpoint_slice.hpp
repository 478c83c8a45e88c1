// Endpoints of a Service.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"
#include "core/object/object.hpp"

namespace core {

struct EndpointPort {
  std::string name;                   // equals the Service port's name
  std::optional<std::uint16_t> port;  // empty: all ports
  Protocol protocol = Protocol::tcp;

  friend bool operator==(const EndpointPort&, const EndpointPort&) = default;
};

// discovery.k8s.io/v1 endpoint conditions, defaults resolved as the API says: ready nil is true,
// serving nil is ready, terminating nil is false.
struct Endpoint {
  Address address;  // the first of endpoints[].addresses: all are fungible by the API
  bool ready = true;
  bool serving = true;
  bool terminating = false;
  bool here = false;  // on the node that this process runs on, if it knows one

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct EndpointSlice {
  static constexpr Kind kind = Kind::endpoint_slice;
  static constexpr std::string_view kind_name = "EndpointSlice";

  ObjectName name;
  std::string service;  // label kubernetes.io/service-name; empty: belongs to no Service
  std::vector<EndpointPort> ports;
  std::vector<Endpoint> endpoints;  // FQDN slices have none

  friend bool operator==(const EndpointSlice&, const EndpointSlice&) = default;
};

}  // namespace core
