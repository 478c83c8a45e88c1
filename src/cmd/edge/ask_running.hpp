// Asks the running `pona edge` over its unix socket.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace cmd {

inline constexpr const char* default_edge_socket = "/run/pona/edge.sock";

// The body of GET `path`; nothing when no process listens there. `value`: what a path that ends
// like
// "/status?about=" asks about; an older edge, which has no such page, answers as without. Throws
// core::Error when one listens and does not answer well.
std::optional<std::string> ask_edge(const std::string& socket, const std::string& path,
                                    const std::string& value = {},
                                    std::chrono::seconds patience = std::chrono::seconds(10));

}  // namespace cmd
