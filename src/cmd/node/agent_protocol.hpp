// What the CNI plugin and the agent say to each other over the agent's socket: one request for each
// connection and one answer, each a line of JSON. Both sides' codec; nothing here has an effect.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/node/sandbox_record.hpp"

namespace cmd {

inline constexpr std::string_view default_agent_socket = "/run/pona/agent.sock";
inline constexpr std::string_view default_sandbox_directory = "/run/pona/sandboxes";

// https://www.cni.dev/docs/spec/#error: numbers below 100 are the specification's.
namespace cni_code {
inline constexpr int incompatible_version = 1;
inline constexpr int unsupported_field = 2;
inline constexpr int bad_environment = 4;
inline constexpr int io = 5;
inline constexpr int undecodable = 6;
inline constexpr int bad_config = 7;
inline constexpr int try_again_later = 11;
inline constexpr int not_available = 50;
inline constexpr int limited_connectivity = 51;  // not available, and running pods notice
inline constexpr int not_as_added = 100;         // CHECK: there is no record, or it is another's
}  // namespace cni_code

struct CniError {
  int code = 0;
  std::string message;  // what is wrong and what to do
  std::string details;  // what the system said; may be empty

  friend bool operator==(const CniError&, const CniError&) = default;
};

struct AgentRequest {
  std::string command;                   // ADD, DEL, CHECK, STATUS or GC; SHOW, DIAG
  std::optional<Sandbox> sandbox;        // with ADD, DEL and CHECK
  std::vector<Sandbox> sandboxes;        // with GC: all that are valid
  std::chrono::milliseconds timeout{0};  // how long the plugin waits for the answer
  std::vector<std::string> words{};      // with DIAG: of pona diag trace

  friend bool operator==(const AgentRequest&, const AgentRequest&) = default;
};

struct AgentAnswer {
  std::optional<CniError> error;  // nothing: done

  friend bool operator==(const AgentAnswer&, const AgentAnswer&) = default;
};

std::string to_json(const AgentRequest& request);  // one line, without its end
std::string to_json(const AgentAnswer& answer);
// Unknown keys are passed over. Nothing where the text is no request or answer of this version.
std::optional<AgentRequest> parse_agent_request(std::string_view text);
std::optional<AgentAnswer> parse_agent_answer(std::string_view text);

}  // namespace cmd
