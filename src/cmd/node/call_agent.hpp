// One call of the plugin to the agent, bounded in time whatever the other side does.
#pragma once

#include <chrono>
#include <string>

namespace cmd {

// Sends the line and returns the first line that comes back, both without their end. Throws
// core::Error (transient) where nobody listens, or no whole line comes in time.
std::string call_agent(const std::string& socket, const std::string& line,
                       std::chrono::milliseconds timeout);

}  // namespace cmd
