// What of the host keeps traffic from its way although the plan is in effect.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/edge/edge_settings.hpp"
#include "core/host.hpp"
#include "core/state/state.hpp"

namespace core {

// `families` are those that some Mapping's address has.
std::vector<std::string> host_warnings(const Host& host, const std::set<Family>& families);

// Of --masquerade-addresses, those that are not here.
std::vector<std::string> masquerade_warnings(const Host& host, const EdgeSettings& settings);

// What the frame changes of the host's own settings, and what the kernel refuses of it: the change
// in the words of ip(8), and why.
std::vector<std::string> frame_warnings(const State& frame, const Host& host,
                                        const std::map<std::string, std::string>& refused);

}  // namespace core
