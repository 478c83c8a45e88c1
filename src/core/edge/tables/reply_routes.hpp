// Replies leave by the interface that the client came in by: a routing table for each external
// interface, and the policy rules that choose it by the connection's mark. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/edge/edge_settings.hpp"
#include "core/edge/external_interfaces.hpp"
#include "core/host.hpp"
#include "core/state/state.hpp"

namespace core {

void add_reply_routes(State& state, Family family, const Host& host, const EdgeSettings& settings,
                      const std::vector<ExternalInterface>& external);

// Whom replies do not reach, and what to do about it.
std::vector<std::string> uplink_warnings(const Host& host, const EdgeSettings& settings,
                                         const std::vector<ExternalInterface>& external);

}  // namespace core
