#include "cmd/diag/daemon_places.hpp"

#include <CLI/CLI.hpp>

namespace cmd {

void add_daemon_places(CLI::App& command, DaemonPlaces& places) {
  command.add_option("--socket", places.edge_socket, "Unix socket of a running edge")
      ->type_name("PATH");
  command.add_option("--agent-socket", places.agent_socket, "Unix socket of a running agent")
      ->type_name("PATH");
  command.add_option("--sandboxes", places.sandboxes, "Where the CNI plugin leaves its records")
      ->type_name("DIRECTORY");
}

}  // namespace cmd
