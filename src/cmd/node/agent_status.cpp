#include "cmd/node/agent_status.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "cmd/node/call_agent.hpp"
#include "kube/decode/json_depth.hpp"

namespace cmd {

std::string ask_agent_status(const std::string& socket, std::chrono::milliseconds timeout) {
  return call_agent(socket, R"({"version":1,"command":"SHOW"})", timeout);
}

nlohmann::ordered_json agent_status_in(std::string_view answer) {
  if (kube::nested_too_deep(answer)) return nullptr;
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(answer, nullptr, false);
  const auto status = json.is_object() ? json.find("status") : json.end();
  return json.is_object() && status != json.end() ? std::move(*status) : nlohmann::ordered_json();
}

}  // namespace cmd
