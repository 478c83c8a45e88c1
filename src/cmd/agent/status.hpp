// What a running agent can be asked for: JSON for `pona egress`, and metrics.
#pragma once

#include <string>

#include "cmd/agent/loop.hpp"

namespace cmd {

std::string status_json(const AgentLoop& loop, const std::string& node);
std::string status_metrics(const AgentLoop& loop);

}  // namespace cmd
