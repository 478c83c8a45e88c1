#include "core/objects.hpp"

namespace core {

std::string to_string(const ObjectName& name) {
  return name.ns.empty() ? name.name : name.ns + "/" + name.name;
}

Kind kind_of(const Object& object) { return static_cast<Kind>(object.index()); }

const ObjectName& name_of(const Object& object) {
  return std::visit([](const auto& value) -> const ObjectName& { return value.name; }, object);
}

// kind_of() relies on it.
static_assert(std::is_same_v<std::variant_alternative_t<0, Object>, Mapping> &&
              std::is_same_v<std::variant_alternative_t<1, Object>, Service> &&
              std::is_same_v<std::variant_alternative_t<2, Object>, EndpointSlice> &&
              std::is_same_v<std::variant_alternative_t<3, Object>, AddressPool> &&
              std::is_same_v<std::variant_alternative_t<4, Object>, Egress> &&
              std::is_same_v<std::variant_alternative_t<5, Object>, Pod> &&
              std::is_same_v<std::variant_alternative_t<6, Object>, EgressClients>);

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::mapping:
      return "Mapping";
    case Kind::service:
      return "Service";
    case Kind::endpoint_slice:
      return "EndpointSlice";
    case Kind::address_pool:
      return "AddressPool";
    case Kind::egress:
      return "Egress";
    case Kind::pod:
      return "Pod";
    case Kind::egress_clients:
      return "EndpointSlice";
  }
  return "?";
}

std::string to_string(const ObjectId& id) {
  return std::string(to_string(id.kind)) + " " + to_string(id.name);
}

}  // namespace core
