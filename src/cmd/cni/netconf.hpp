// The plugin's netconf: what the runtime gives on standard input, read once and turned into values.
// Unknown keys are tolerated, as the runtime and other plugins of the chain add theirs.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/node/agent_protocol.hpp"
#include "core/ip.hpp"

namespace cmd {

struct CniConfig {
  std::string version;  // cniVersion; "0.1.0" where none is given, as the specification has it
  std::string name;
  std::string socket{default_agent_socket};
  std::string state_directory{default_sandbox_directory};
  std::chrono::milliseconds timeout{10'000};

  // Whether the runtime told the pod's annotations, and one of them is about egress.
  std::optional<bool> asks_for_egress;
  bool nat_pod = false;  // it told that the pod is one

  // prevResult as text, in the order of its keys, with the cniVersion demanded.
  std::optional<std::string> result;
  std::vector<core::Address> addresses;  // its addresses inside the sandbox

  // cni.dev/valid-attachments: container and interface.
  std::optional<std::vector<std::pair<std::string, std::string>>> attachments;

  std::optional<std::string> ipam;  // the one known key that would be ignored: its value
};

struct CniConfigResult {
  CniConfig config;  // what could be read, with defaults for the rest
  std::optional<CniError> error;
};

CniConfigResult read_cni_config(std::string_view text);

}  // namespace cmd
