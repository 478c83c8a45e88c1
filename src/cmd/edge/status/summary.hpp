// A status in a few lines, however much there is.
#pragma once

#include <string>

#include "cmd/edge/status.hpp"

namespace cmd {

// How many Mappings and Services are in which state, how many ports are in effect, how many
// problems there are. "No mappings." where there is nothing of that.
std::string summary(const EdgeStatus& status, const StatusLayout& layout);

}  // namespace cmd
