// An external address and port that leads to a Service.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip.hpp"
#include "core/object/object.hpp"

namespace core {

struct MappingPort {
  PortRange ports;                 // external; a single port unless endPort is given
  std::uint16_t service_port = 0;  // external port N goes to service_port + N - ports.first
  Protocol protocol = Protocol::tcp;

  friend bool operator==(const MappingPort&, const MappingPort&) = default;
};

// smartnat.aureacentral.com/v1alpha1 Mapping, valid by itself: what depends on other objects
// (Service missing, conflicts) is the planner's business.
struct Mapping {
  static constexpr Kind kind = Kind::mapping;
  static constexpr std::string_view kind_name = "Mapping";

  ObjectName name;
  std::optional<std::int64_t> created;           // metadata.creationTimestamp, Unix seconds
  std::int64_t generation = 0;                   // metadata.generation; 0: of no API server
  std::vector<Address> addresses;                // at least one, no duplicates
  std::vector<Prefix> allowed_sources;           // empty: everybody
  std::string service;                           // in the same namespace
  std::vector<MappingPort> ports;                // at least one, not overlapping within a protocol
  std::optional<Affinity> affinity;              // empty: as the Service says
  std::optional<bool> preserve_client_ip;        // empty: as the appliance is set
  std::uint32_t max_connections_per_source = 0;  // 0: no limit
  std::uint32_t new_connections_per_second = 0;  // per source; 0: no limit

  friend bool operator==(const Mapping&, const Mapping&) = default;
};

}  // namespace core
