// What an edge must hold whatever its objects are: the tables with their rules, and the routes and
// policy rules by which replies leave where their requests came in. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "core/edge/edge_settings.hpp"
#include "core/edge/external_interfaces.hpp"
#include "core/edge/forward.hpp"
#include "core/host.hpp"
#include "core/state/state.hpp"

namespace core {

// Segments that are out of a connection's window are translated like the others and judged by who
// the connection belongs to. Connection tracking would call them invalid and leave them alone.
inline constexpr std::string_view liberal_tracking = "net/netfilter/nf_conntrack_tcp_be_liberal";

// Whether the kernel parameter was off before an edge switched it on, as a chain in the edge's own
// table tells: it goes with the table, and by then the parameter is to be off again.
bool liberal_was_off(const State& observed);
// Likewise where an edge is about to switch it on: it is off still.
bool liberal_is_off(const State& observed);

// By which the observed tables choose endpoints; nothing: there are none.
std::optional<SlotLayout> slot_layout_of(const State& observed);

struct EdgeFrame {
  State state;  // without elements
  std::map<Family, std::vector<Element>> elements;
};

EdgeFrame make_edge_frame(const Host& host, const EdgeSettings& settings,
                          const std::vector<ExternalInterface>& external,
                          bool liberal_was_off = false);

// Whether the forward is in effect on this host, and where its endpoints' own connections leave.
void place(Forward& forward, const Host& host, const EdgeSettings& settings,
           const std::vector<ExternalInterface>& external);

// Addresses that are local on one of the two only.
std::set<Address> come_or_gone(const Host& before, const Host& after);

}  // namespace core
