// Asks the running `pona edge` over its unix socket.
#pragma once

#include <optional>
#include <string>

namespace cmd {

inline constexpr const char* default_edge_socket = "/run/pona/edge.sock";

// The body of GET `path`; nothing when no process listens there. Throws core::Error when one does
// and does not answer well.
// With `about`, of the page's part that is about that ("/status?about=…"); an older edge gives all.
std::optional<std::string> ask_edge(const std::string& socket, const std::string& path,
                                    const std::string& about = {});

}  // namespace cmd
