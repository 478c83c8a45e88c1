// What an edge must hold whatever its objects are: the tables with their rules, and the routes and
// policy rules by which replies leave where their requests came in. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/edge/plan_edge.hpp"
#include "core/host.hpp"
#include "core/state/state.hpp"

namespace core {

struct EdgeFrame {
  State state;  // without elements
  std::map<Family, std::vector<Element>> elements;
};

// The interfaces that --external-interfaces names, as far as marks have numbers for them.
std::vector<EdgePlan::External> find_external(const Host& host, const EdgeSettings& settings);

// `limits` are the pairs (connections per source, new ones per second) in use; 0: no limit.
EdgeFrame make_edge_frame(const Host& host, const EdgeSettings& settings,
                          const std::vector<EdgePlan::External>& external,
                          std::set<std::pair<std::uint32_t, std::uint32_t>> limits);

}  // namespace core
