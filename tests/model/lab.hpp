// Three network namespaces of this process: a client, a host with the rules that are tried, and a
// server. Neither the client nor the server has an address, so nobody answers; the host knows
// neighbours behind both of its interfaces.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/packet/context.hpp"
#include "core/packet/packet.hpp"
#include "os/fd.hpp"

namespace model {

// Whatever is not as it must be outside of what is tried.
[[noreturn]] void give_up(const std::string& what);

class Namespace {
 public:
  Namespace();  // a new one
  // In the thread that calls, which comes back to where it was.
  void inside(const std::function<void()>& work) const;
  [[nodiscard]] int fd() const { return own_.get(); }

 private:
  os::Fd home_;
  os::Fd own_;
};

// Answers its exit status.
int shell(const std::string& command, const std::string& input = "");

// All that the namespace of the calling thread tracks: then no two flows can want one tuple.
void forget_connections();

enum class Origin : std::uint8_t { client, host, server };

struct Lab {
  Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  Namespace client;
  Namespace host;
  Namespace server;
  core::packet::Device to_client;  // in the host
  core::packet::Device to_server;
  os::Fd from_client;  // frames into the host's interfaces
  os::Fd from_server;
  os::Fd raw_ipv4;  // packets of the host itself
  os::Fd raw_ipv6;

  void send(Origin origin, const core::packet::Packet& packet) const;

 private:
  void send_from_host(const core::packet::Packet& packet) const;
};

// Of the host: towards the client, towards the server.
inline const std::vector<std::string> host_addresses = {"10.1.0.254", "10.2.0.254", "fd01::254",
                                                        "fd02::254"};

}  // namespace model
