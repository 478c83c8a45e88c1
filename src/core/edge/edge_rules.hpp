// The edge's static rules: a constant handful per family, whatever the number of Mappings. Says
// what each set means. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/state/ruleset.hpp"
#include "core/state/state.hpp"

namespace core {

// The bits of a mark mask: two for what is to become of a new connection, the rest for the
// interface.
struct EdgeMarks {
  std::uint32_t action_mask = 0;
  std::uint32_t forwarded = 0;  // packet: ours, treated as the appliance is set
  std::uint32_t altered = 0;    // packet: ours, treated the other way
  std::uint32_t rejected = 0;   // packet: ours, nobody serves it
  std::uint32_t departed = 0;   // connection: opened by a pod, SNATed
  std::uint32_t interface_mask = 0;
  std::uint32_t interface_shift = 0;
  std::uint32_t interfaces = 0;  // how many numbers there are

  explicit EdgeMarks(std::uint32_t mask);
  [[nodiscard]] std::uint32_t interface(std::uint32_t number) const {
    return number << interface_shift;
  }
};

struct EdgeRulesInput {
  bool masquerade = true;
  bool snat = false;
  bool any_address = false;
  std::uint32_t mark_mask = 0;
  std::vector<std::pair<std::string, std::uint32_t>> external;  // name, number
  std::set<std::pair<std::uint32_t, std::uint32_t>> limits;     // connections, per second
  std::uint32_t smallest_mtu = 0;  // of any leg that a packet may take; 0: unknown
};

nft::Table edge_table(Family family, const EdgeRulesInput& input);

// Elements that name interfaces: external, returns, departures.
std::vector<Element> interface_elements(Family family, const EdgeRulesInput& input);

std::string flow_chain(std::uint32_t slots, bool by_source);  // "flow-16", "source-16"
std::string range_chain(bool by_source, bool shifted);        // "range-flow", …
inline constexpr std::uint32_t range_slot_count = 256;
std::string limit_chain(std::uint32_t connections, std::uint32_t per_second);  // "limit-100-20"

}  // namespace core
