// The sets and maps of the edge's tables, which its rules (edge_rules) ask: their types, and the
// elements that name interfaces. Those of Mappings are forward.hpp's.
#pragma once

#include <vector>

#include "core/edge/edge_rules.hpp"
#include "core/state/ruleset.hpp"
#include "core/state/state.hpp"

namespace core {

std::vector<nft::Set> edge_sets();

// external, returns, departures and departing.
std::vector<Element> interface_elements(Family family, const EdgeRulesInput& input);

}  // namespace core
