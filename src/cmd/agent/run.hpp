// `pona agent`: serves until it is told to stop; what it made stays.
#pragma once

#include <cstdint>
#include <string>

#include "cmd/agent/loop.hpp"
#include "cmd/node/agent_protocol.hpp"
#include "cmd/serve/service_options.hpp"

namespace cmd {

struct AgentOptions {
  ServiceOptions service;
  AgentSettings settings;
  std::string node;  // its name in the cluster
  std::string socket{default_agent_socket};
  std::string sandboxes{default_sandbox_directory};
  std::uint16_t probe_port = 0;
  bool install_cni = false;
  bool own_list = false;       // of the plugin, instead of an entry in others'
  bool uninstall_cni = false;  // only that, instead of running
  std::string cni_bin = "/opt/cni/bin";
  std::string cni_conf = "/etc/cni/net.d";
};

int run_agent(const AgentOptions& options);

}  // namespace cmd
