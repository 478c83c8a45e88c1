// The sets and maps of the edge's tables, which its rules (edge_rules) ask: their types, and the
// elements that name interfaces. Those of Mappings are forward.hpp's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/edge/tables/edge_rules.hpp"
#include "core/state/ruleset.hpp"
#include "core/state/state.hpp"

namespace core {

// A "range" is one of ports, and has its first port as key where one port stands in the others'.
enum class EdgeSet : std::uint8_t {
  ranges,                // address . protocol . ports : first port
  services,              // address . protocol . port : where a new connection goes; of ports with a
                         // list of sources (they are in guarded, too): jump allow-...
  range_services,        // address . protocol . first port : likewise
  guarded,               // as services, of Mappings with guards or altered: after the checks
  range_guarded,         // likewise
  altered,               // address . protocol . port of Mappings that masquerade otherwise than
                         // the appliance does
  range_altered,         // likewise
  slots,                 // address . protocol . port . slot : endpoint address . port
  range_slots,           // address . protocol . first port . slot : endpoint address
  range_ports,           // address . protocol . port : port, where a range is shifted
  allowed,               // sources that may connect: a numbered set for each list of them
  refused_source,        // address . protocol . first port, counts
  refused_connections,   // likewise
  refused_rate,          // likewise
  limits,                // address . protocol . first port : jump limit-...
  limit_ids,             // address . protocol . ports : number of the Mapping
  traffic,               // direction . address . protocol . port, counts
  range_traffic,         // direction . address . protocol . ports, counts
  endpoints,             // address . protocol . port, counts new connections
  range_endpoints,       // address . protocol
  pods,                  // addresses of endpoints that may reach themselves (hairpin)
  addresses,             // mapped addresses in effect here
  external,              // interface : jump from-...
  returns,               // connection mark : goto to-...
  departures,            // connection mark : goto leave-..., connections that pods opened (SNAT)
  departing,             // connection mark . interface that such a connection may be SNATed on
  snat,                  // pod address : mapped address
  snat_interfaces,       // pod address : jump via-...
  mapped,                // address . protocol . first port that the host's own stack never gets
  masquerade_addresses,  // number : address that clients are masqueraded to
};
template <>
inline constexpr int catalogue_of<EdgeSet> = 0;

// Whose elements say which external ports lead somewhere.
// cppcheck-suppress passedByValue  ; two words
inline bool leads(SetId set) {
  return set == EdgeSet::services || set == EdgeSet::guarded || set == EdgeSet::ranges;
}

// In the order of the enum.
const std::vector<nft::Set>& edge_sets();

// external, returns, departures and departing.
std::vector<Element> interface_elements(Family family, const EdgeRulesInput& input);

// Those of masquerade_addresses; all of one family, one at least.
std::vector<Element> masquerade_elements(std::span<const Address> addresses);

}  // namespace core
