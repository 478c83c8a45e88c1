#include "core/edge/tables/reply_routes.hpp"

#include <algorithm>
#include <map>

#include "core/constants.hpp"
#include "core/edge/tables/edge_marks.hpp"

namespace core {

void add_reply_routes(State& state, Family family, const Host& host, const EdgeSettings& settings,
                      const std::vector<ExternalInterface>& external) {
  const EdgeMarks marks(settings.mark_mask);
  if (settings.snat && !external.empty()) {
    state.rules.insert({family, constants::edge_rule_priority_specific, marks.departed,
                        marks.action_mask, 254, true});  // RT_TABLE_MAIN
  }
  for (const ExternalInterface& one : external) {
    const Interface& interface = host.interfaces.at(one.name);
    if (!interface.up) {
      continue;  // its routes are gone, and come back with it
    }
    const std::uint32_t table = constants::edge_route_table_base + one.number;
    // As main gives it by this device.
    std::map<Prefix, std::optional<Address>> ways;
    for (const MainRoute& route : interface.routes) {
      if (route.destination.family() == family) {
        ways.try_emplace(route.destination.masked(), route.gateway);
      }
    }
    bool has_address = false;
    for (const Prefix& prefix : interface.addresses) {
      if (prefix.family() != family) continue;
      has_address = true;
      if (prefix.length < prefix.address.size() * 8)
        ways.try_emplace(prefix.masked(), std::nullopt);
    }
    const auto& gateway = family == Family::ipv4 ? one.gateway4 : one.gateway6;
    const bool device_only = (family == Family::ipv4 ? interface.default4 : interface.default6) ||
                             (interface.point_to_point && has_address);
    if (gateway || device_only) {
      ways.try_emplace(*Prefix::parse(family == Family::ipv4 ? "0.0.0.0/0" : "::/0"), gateway);
    }
    for (const auto& [destination, next] : ways) {
      state.routes.insert({table, destination, next, one.name});
    }
    const bool any = !ways.empty();
    if (any) {
      state.rules.insert({family, constants::edge_rule_priority, marks.interface(one.number),
                          marks.interface_mask, table, false});
    }
  }
}

std::vector<std::string> uplink_warnings(const Host& host, const EdgeSettings& settings,
                                         const std::vector<ExternalInterface>& external) {
  std::vector<std::string> result;
  const auto is_external = external_names(settings);
  const auto named = std::ranges::count_if(
      host.interfaces, [&](const auto& entry) { return is_external(entry.first); });
  if (static_cast<std::size_t>(named) > external.size()) {
    result.push_back(std::to_string(named) + " interfaces match --external-interfaces " +
                     settings.external_interfaces + ", and --mark-mask has numbers for " +
                     std::to_string(external.size()) +
                     ": replies to clients of the others follow table main");
  }
  if (host.too_many_routes) {
    result.push_back("table main has more than " + std::to_string(most_main_routes) +
                     " routes by external interfaces: replies follow their default routes and "
                     "subnets only");
  }
  for (const ExternalInterface& one : external) {
    const Interface& interface = host.interfaces.at(one.name);
    if (!interface.up || interface.point_to_point) continue;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const bool ipv4 = family == Family::ipv4;
      const auto own = std::ranges::find_if(interface.addresses, [&](const Prefix& prefix) {
        return prefix.family() == family && !Prefix::parse("fe80::/10")->contains(prefix.address);
      });
      const bool way =
          ipv4 ? one.gateway4 || interface.default4 : one.gateway6 || interface.default6;
      if (way || own == interface.addresses.end() || (!ipv4 && !host.ipv6)) continue;
      result.push_back(
          one.name + " has no next hop for " + (ipv4 ? "IPv4" : "IPv6") +
          ": table main has no default route by it, and --gateway-offset " +
          std::to_string(settings.gateway_offset) + " names no other host of " + to_string(*own) +
          ". Clients beyond its subnet, and beyond what table main routes by it, get no answers; " +
          "add a default route with a higher metric, or set --gateway-offset");
    }
  }
  return result;
}

}  // namespace core
