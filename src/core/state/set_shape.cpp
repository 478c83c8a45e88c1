#include "core/state/set_shape.hpp"

namespace core {
namespace {

SetShape make_shape(SetId set) {
  using T = nft::Type;
  const std::vector<T> service = {T::address, T::inet_proto, T::inet_service};
  const std::vector<T> slot = {T::address, T::inet_proto, T::inet_service, T::mark};
  switch (set) {
    case SetId::services:
    case SetId::guarded:
    case SetId::range_services:
    case SetId::range_guarded:
    case SetId::limits:
      return {service, {T::verdict}};
    case SetId::ranges:
    case SetId::range_ports:
      return {service, {T::inet_service}};
    case SetId::slots:
      return {slot, {T::address, T::inet_service}};
    case SetId::range_slots:
      return {slot, {T::address}};
    case SetId::sources:
      return {{T::address, T::inet_proto, T::inet_service, T::address}, {}};
    case SetId::altered:
    case SetId::range_altered:
    case SetId::refused_source:
    case SetId::refused_connections:
    case SetId::refused_rate:
    case SetId::endpoints:
      return {service, {}};
    case SetId::range_endpoints:
      return {{T::address, T::inet_proto}, {}};
    case SetId::limit_ids:
      return {service, {T::mark}};
    case SetId::traffic:
    case SetId::range_traffic:
      return {{T::ct_dir, T::address, T::inet_proto, T::inet_service}, {}};
    case SetId::pods:
    case SetId::addresses:
    case SetId::clients:
    case SetId::replies:
    case SetId::opened:
    case SetId::gateways:
      return {{T::address}, {}};
    case SetId::peers:
      return {{T::address, T::address}, {}};
    case SetId::drops:
      return {{T::mark}, {}};
    case SetId::external:
      return {{T::ifname}, {T::verdict}};
    case SetId::returns:
    case SetId::departures:
      return {{T::mark}, {T::verdict}};
    case SetId::departing:
      return {{T::mark, T::ifname}, {}};
    case SetId::snat:
    case SetId::egress_addresses:
      return {{T::address}, {T::address}};
    case SetId::snat_interfaces:
      return {{T::address}, {T::verdict}};
    case SetId::count_:
      break;
  }
  return {};
}

}  // namespace

const SetShape& shape_of(SetId set) {
  static const std::vector<SetShape> shapes = [] {
    std::vector<SetShape> all;
    for (int id = 0; id <= static_cast<int>(SetId::count_); ++id) {
      all.push_back(make_shape(static_cast<SetId>(id)));
    }
    return all;
  }();
  return shapes[static_cast<std::size_t>(set)];
}

}  // namespace core
