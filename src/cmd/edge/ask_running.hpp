// Asks the running `pona edge` over its unix socket.
#pragma once

#include <optional>
#include <string>

namespace cmd {

inline constexpr const char* default_edge_socket = "/run/pona/edge.sock";

// The body of GET `path`; nothing when no process listens there. Throws core::Error when one does
// and does not answer well.
std::optional<std::string> ask_edge(const std::string& socket, const std::string& path);

}  // namespace cmd
