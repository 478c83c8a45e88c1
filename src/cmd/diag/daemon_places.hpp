// Where the diagnostic commands meet the daemons of this host.
#pragma once

#include <string>

#include "cmd/edge/ask_running.hpp"
#include "cmd/node/agent_protocol.hpp"

namespace CLI {
class App;
}

namespace cmd {

// Paths. Nothing need be there.
struct DaemonPlaces {
  std::string edge_socket = default_edge_socket;
  std::string agent_socket{default_agent_socket};
  std::string sandboxes{default_sandbox_directory};
};

// --socket, --agent-socket and --sandboxes; `places` must outlive the parsing.
void add_daemon_places(CLI::App& command, DaemonPlaces& places);

}  // namespace cmd
