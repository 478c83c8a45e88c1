// What an edge must hold whatever its objects are: the tables with their rules, and the routes and
// policy rules by which replies leave where their requests came in. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/edge/edge_settings.hpp"
#include "core/edge/external_interfaces.hpp"
#include "core/host.hpp"
#include "core/state/state.hpp"

namespace core {

struct EdgeFrame {
  State state;  // without elements
  std::map<Family, std::vector<Element>> elements;
};

// `limits` are the pairs (connections per source, new ones per second) in use; 0: no limit.
EdgeFrame make_edge_frame(const Host& host, const EdgeSettings& settings,
                          const std::vector<ExternalInterface>& external,
                          std::set<std::pair<std::uint32_t, std::uint32_t>> limits);

}  // namespace core
