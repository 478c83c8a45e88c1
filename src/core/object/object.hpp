// What all kinds of objects have in common.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace core {

enum class Kind : std::uint8_t {
  mapping,
  service,
  endpoint_slice,
  address_pool,
  egress,
  pod,
  egress_clients,
};

struct ObjectName {
  std::string ns;  // metadata.namespace; "default" where a manifest names none
  std::string name;

  friend auto operator<=>(const ObjectName&, const ObjectName&) = default;
};

std::string to_string(const ObjectName& name);  // "ns/name"; "name" where there is no namespace

// Whether connections of one client go to one endpoint.
enum class Affinity : std::uint8_t { none, client_ip };

}  // namespace core
