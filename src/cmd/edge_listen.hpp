// The sockets that the edge's HTTP thread listens on. No name look-up: addresses only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/ip.hpp"
#include "net/fd.hpp"

namespace cmd {

// Unset address: all addresses of both families. Throws core::Error, e.g. when the port is taken;
// `advice` then says which options choose another.
net::Fd listen_tcp(
    const std::optional<core::Address>& address, std::uint16_t port,
    const std::string& advice = "--monitor-address and --monitor-port choose another");

// Makes the directory if need be and takes a dead process' socket away; a living one's is an error.
net::Fd listen_unix(const std::string& path);

// The process that listens on the unix socket, if one does.
std::optional<pid_t> listener_of(const std::string& path);

}  // namespace cmd
