// What a running agent tells of itself and its node's clients, for whoever asks for it.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace cmd {

// The agent's answer as it came. Throws core::Error (transient) as call_agent().
std::string ask_agent_status(const std::string& socket, std::chrono::milliseconds timeout);
// The status in such an answer; null where it is none.
nlohmann::ordered_json agent_status_in(std::string_view answer);

}  // namespace cmd
