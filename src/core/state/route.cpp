#include "core/state/route.hpp"

#include <algorithm>

#include "core/constants.hpp"
#include "core/state/state.hpp"
#include "core/state/text_words.hpp"

namespace core {

std::string to_text(const Route& route) {
  const bool all = route.destination.length == 0;
  std::string text = route.type == Route::Type::unreachable ? "unreachable "
                     : route.type == Route::Type::throw_    ? "throw "
                                                            : "";
  text += all ? "default" : to_string(route.destination);
  if (route.encapsulation) text += encapsulation_text(*route.encapsulation);
  if (route.gateway) text += " via " + to_string(*route.gateway);
  if (route.nexthop != 0) text += " nhid " + std::to_string(route.nexthop);
  if (!route.device.empty()) text += " dev " + route.device;
  text += " table " + route_table_text(route.table);
  if (route.source) text += " src " + to_string(*route.source);
  if (route.metric != 0) text += " metric " + std::to_string(route.metric);
  return text + owner_text("proto");
}

// The kernel replaces what comes first, whoever made it: only where all of a table is ours.
bool KindOf<Route>::replaces(const Route&, const Route& now) {
  return now.table == constants::egress_table || now.table == constants::peers_table;
}

// It goes with its device, and with its next hop: a group is there as long as it has a member.
Fate KindOf<Route>::fate(const Route& route, const std::set<std::string>& renewed,
                         const State& desired) {
  const auto gone = [&](std::uint32_t id) {
    const auto nexthop = desired.nexthops.find(id);
    return nexthop != desired.nexthops.end() && renewed.contains(nexthop->second.device);
  };
  if (renewed.contains(route.device)) return Fate::goes;
  const auto nexthop = desired.nexthops.find(route.nexthop);
  if (nexthop == desired.nexthops.end()) return Fate::stays;
  const bool all = nexthop->second.group()
                       ? std::ranges::all_of(nexthop->second.members, gone, &Nexthop::Member::id)
                       : gone(route.nexthop);
  return all ? Fate::goes : Fate::stays;
}

namespace {

std::string route_command(const char* verb, const Route& route) {
  return ip_command(route.destination.family()) + "route " + verb + " " + to_text(route);
}

}  // namespace

std::string KindOf<Route>::make(const Route& route) { return route_command("add", route); }
std::string KindOf<Route>::replace(const Route& now, const Route&) {
  return route_command("replace", now);
}
std::string KindOf<Route>::remove(const Route& route) { return route_command("del", route); }

}  // namespace core
