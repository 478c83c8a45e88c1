#include "core/edge/reply_routes.hpp"

#include "core/constants.hpp"
#include "core/edge/edge_marks.hpp"

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
    bool any = false;
    for (const Prefix& prefix : interface.addresses) {
      if (prefix.family() == family && prefix.length < prefix.address.size() * 8) {
        state.routes.insert({table, prefix.masked(), std::nullopt, one.name});
        any = true;
      }
    }
    const auto& gateway = family == Family::ipv4 ? one.gateway4 : one.gateway6;
    const bool device_only = family == Family::ipv4 ? interface.default4 : interface.default6;
    if (gateway || device_only) {
      const Prefix everywhere = *Prefix::parse(family == Family::ipv4 ? "0.0.0.0/0" : "::/0");
      state.routes.insert({table, everywhere, gateway, one.name});
      any = true;
    }
    if (any) {
      state.rules.insert({family, constants::edge_rule_priority, marks.interface(one.number),
                          marks.interface_mask, table, false});
    }
  }
}

}  // namespace core
