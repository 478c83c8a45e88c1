// What of a client's state is there to keep traffic from leaving another way.
#include "core/egress/plan_client.hpp"

namespace core {

std::vector<Prefix> private_ranges() {
  std::vector<Prefix> ranges;
  for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                           "169.254.0.0/16", "fc00::/7", "fe80::/10"}) {
    ranges.push_back(*Prefix::parse(text));
  }
  return ranges;
}

State fences_of(const State& state) {
  State fences;
  for (const Route& route : state.routes) {
    if (route.type != Route::Type::unicast) fences.routes.insert(route);
  }
  for (const PolicyRule& rule : state.rules) {
    if (rule.table == constants::egress_table) fences.rules.insert(rule);
  }
  return fences;
}

}  // namespace core
