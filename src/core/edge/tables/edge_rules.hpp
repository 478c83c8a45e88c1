// The edge's static rules: a constant handful per family, whatever the number of Mappings. Says
// what each set means. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/edge/endpoint_slots.hpp"
#include "core/state/ruleset.hpp"
#include "core/state/state.hpp"

namespace core {

struct EdgeRulesInput {
  bool masquerade = true;
  // Of the rules' family: how many clients are masqueraded to; 0: that of the interface.
  std::map<Family, std::uint32_t> masquerade_addresses;
  bool snat = false;
  bool any_address = false;
  std::uint32_t mark_mask = 0;
  std::vector<std::pair<std::string, std::uint32_t>> external;  // name, number
  bool liberal_was_off = false;                                 // see static_state
  bool traffic = false;                                         // packets and bytes are counted
  bool clamp_mss = true;                                        // legs have MTUs that differ
  std::uint32_t smallest_mtu = 0;  // of any leg that a packet may take; 0: unknown
  SlotLayout slot_layout = SlotLayout::first;
};

// How much one source may take of a Mapping; IPv6: one /64. 0: as much as it wants.
struct SourceLimit {
  std::uint32_t id = 0;  // the Mapping's
  std::uint32_t connections = 0;
  std::uint32_t per_second = 0;

  friend auto operator<=>(const SourceLimit&, const SourceLimit&) = default;
};

// Without rules; that it is there says something.
inline constexpr std::string_view liberal_was_off_chain = "tcp-be-liberal-was-0";

nft::Table edge_table(Family family, const EdgeRulesInput& input);

std::string flow_chain(std::uint32_t slots, bool by_source);  // "flow-12", "source-12"
// "range-flow" with 256 slots, "range-flow-2048", "range-source-shifted" …
std::string range_chain(std::uint32_t slots, bool by_source, bool shifted);
// Of one list of sources: it returns those that may connect, and refuses others. Made with its set,
// because there are as many as there are lists; `number` tells them apart.
nft::Chain allow_chain(std::uint32_t number, const std::string& set);
std::string allow_chain_name(std::uint32_t number);  // "allow-00002a"
std::string limit_chain(const SourceLimit& limit);   // "limit-0000002a-100-20"
// Its chain and sets: made as Mappings come, because each has its own.
void add_source_limit(nft::Table& table, const SourceLimit& limit, bool refuse_when_full);

}  // namespace core
