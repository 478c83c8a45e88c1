#include "core/egress/closed_ranges.hpp"

#include <map>

#include "core/constants.hpp"

namespace core {
namespace {

struct BestRoute {
  std::uint32_t metric = 0;
  bool closed = false;
};

// No router passes these on; neighbour discovery, DHCP and the reports of multicast listeners go
// to them.
constexpr const char* on_the_link[] = {"169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32",
                                       "fe80::/10", "ff00::/8"};

// Sorted by first address, wider prefixes before those within them.
std::map<Prefix, BestRoute> best_routes(const std::set<Route>& routes, Family family) {
  std::map<Prefix, BestRoute> best;
  for (const Route& route : routes) {
    if (route.table != constants::egress_table || route.destination.family() != family) continue;
    const BestRoute found{route.metric, route.type != Route::Type::throw_};
    const auto [known, first] = best.try_emplace(route.destination.masked(), found);
    if (!first && found.metric < known->second.metric) known->second = found;
  }
  for (const char* const text : on_the_link) {
    const Prefix prefix = *Prefix::parse(text);
    if (prefix.family() == family) best.try_emplace(prefix, BestRoute{});
  }
  return best;
}

}  // namespace

std::vector<AddressRange> closed_ranges(const std::set<Route>& routes, Family family) {
  std::map<Prefix, bool> closed;
  for (const auto& [prefix, route] : best_routes(routes, family)) {
    closed.emplace(prefix, route.closed);
  }
  return taken_ranges(closed);
}

}  // namespace core
