// What of the host keeps traffic from its way although the plan is in effect.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/host.hpp"

namespace core {

// `families` are those that some Mapping's address has.
std::vector<std::string> host_warnings(const Host& host, const std::set<Family>& families);

}  // namespace core
