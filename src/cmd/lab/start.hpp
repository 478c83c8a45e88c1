// Starting what runs in labs, and waiting until it works.
#pragma once

#include <cstdint>
#include <string>

#include "cmd/lab/kind.hpp"
#include "cmd/lab/traffic.hpp"

namespace cmd {

// `pona lab serve`, in the namespace whose name it answers with.
void start_servers(LabHome& lab, const std::string& name, std::uint16_t http, std::uint16_t echo);

// Until `path` answers 200 at `to`, seen from the namespace `where`. Throws core::Error with the
// last words of `process` when that ends or takes too long.
void await(Lab& lab, const std::string& process, const std::string& where, const Peer& to,
           const std::string& path);

}  // namespace cmd
