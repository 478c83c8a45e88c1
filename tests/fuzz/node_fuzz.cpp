// Any bytes as what comes to a node's plugin and agent: a CNI netconf, a request to the agent and
// its answer, and the record of a sandbox. Nothing crashes, what is taken has what its users rely
// on, and what is written of it is read as the same.
#include <nlohmann/json.hpp>
#include <string>

#include "cmd/cni/netconf.hpp"
#include "cmd/node/agent_protocol.hpp"
#include "cmd/node/sandbox_record.hpp"
#include "fuzz/fuzz.hpp"

namespace {

using fuzz::require;

void check_netconf(std::string_view text) {
  const cmd::CniConfigResult result = cmd::read_cni_config(text);
  if (result.error) {
    require(result.error->code != 0 && !result.error->message.empty());
    require(!cmd::to_json(cmd::AgentAnswer{result.error}).empty());
  }
  const cmd::CniConfig& config = result.config;
  require(config.socket.starts_with('/') && config.state_directory.starts_with('/'));
  require(config.timeout.count() > 0 && config.timeout <= std::chrono::minutes(10));
  if (!config.result) return;
  const auto previous = nlohmann::json::parse(*config.result, nullptr, false);
  require(previous.is_object() && previous["cniVersion"].is_string());
}

void check_sandbox(std::string_view text) {
  const auto sandbox = cmd::parse_sandbox(text);
  if (!sandbox) return;
  const std::string name = cmd::file_name(*sandbox);
  require(name.size() < 256 && name.find('/') == std::string::npos && !name.starts_with('.'));
  const std::string line = cmd::to_json(*sandbox);
  require(line.find('\n') == std::string::npos && cmd::parse_sandbox(line) == sandbox);
}

void check_request(std::string_view text) {
  auto request = cmd::parse_agent_request(text);
  if (!request) return;
  require(request->timeout.count() >= 0);
  if (request->command != "GC") request->sandboxes.clear();
  const std::string line = cmd::to_json(*request);
  require(line.find('\n') == std::string::npos && cmd::parse_agent_request(line) == request);
}

void check_answer(std::string_view text) {
  const auto answer = cmd::parse_agent_answer(text);
  if (!answer) return;
  require(!answer->error || answer->error->code > 0);
  const std::string line = cmd::to_json(*answer);
  require(line.find('\n') == std::string::npos && cmd::parse_agent_answer(line) == answer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::Input(data, size).text();
  check_netconf(text);
  check_sandbox(text);
  check_request(text);
  check_answer(text);
  return 0;
}
