// The sockets that a service listens on. No name look-up: addresses only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/ip.hpp"
#include "os/fd.hpp"

namespace os {

// Unset address: all addresses of both families. Throws core::Error, e.g. when the port is taken;
// `advice` then says which options choose another.
Fd listen_tcp(const std::optional<core::Address>& address, std::uint16_t port,
              const std::string& advice = "--monitor-address and --monitor-port choose another");

// Makes the directory if need be and takes a dead process' socket away; a living one's is an error,
// which calls it `who` ("pona edge"). `mode` is the file's from its first moment on.
Fd listen_unix(const std::string& path, const std::string& who, mode_t mode);

// A socket's file, which goes with this object if it is still the one that was there at first.
class SocketFile {
 public:
  explicit SocketFile(std::string path);
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  ~SocketFile();

 private:
  using Identity = std::optional<std::pair<dev_t, ino_t>>;
  [[nodiscard]] Identity identify() const;

  std::string path_;
  Identity known_;
};

// The process that listens on the unix socket, if one does.
std::optional<pid_t> listener_of(const std::string& path);

}  // namespace os
