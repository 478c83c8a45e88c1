// The edge's static rules: a constant handful per family, whatever the number of Mappings. Says
// what each set means. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/state/ruleset.hpp"
#include "core/state/state.hpp"

namespace core {

struct EdgeRulesInput {
  bool masquerade = true;
  bool snat = false;
  bool any_address = false;
  std::uint32_t mark_mask = 0;
  std::vector<std::pair<std::string, std::uint32_t>> external;  // name, number
  std::set<std::pair<std::uint32_t, std::uint32_t>> limits;     // connections, per second
  bool liberal_was_off = false;                                 // see static_state
  bool traffic = false;                                         // packets and bytes are counted
  bool clamp_mss = true;                                        // legs have MTUs that differ
  std::uint32_t smallest_mtu = 0;  // of any leg that a packet may take; 0: unknown
};

// Without rules; that it is there says something.
inline constexpr std::string_view liberal_was_off_chain = "tcp-be-liberal-was-0";

nft::Table edge_table(Family family, const EdgeRulesInput& input);

std::string flow_chain(std::uint32_t slots, bool by_source);  // "flow-16", "source-16"
std::string range_chain(bool by_source, bool shifted);        // "range-flow", …
inline constexpr std::uint32_t range_slot_count = 256;
// Of one list of sources: it returns those that may connect, and refuses others. Made with its set,
// because there are as many as there are lists; `number` tells them apart.
nft::Chain allow_chain(std::uint32_t number, const std::string& set);
std::string allow_chain_name(std::uint32_t number);                            // "allow-00002a"
std::string limit_chain(std::uint32_t connections, std::uint32_t per_second);  // "limit-100-20"

}  // namespace core
