// The sockets by which an agent asks NAT pods, in the network namespaces of its clients: that is
// the way that their traffic goes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "cmd/agent/loop.hpp"
#include "net/probe_socket.hpp"
#include "os/fd.hpp"

namespace cmd {

class AgentProbes {
 public:
  // `port` is where NAT pods answer.
  AgentProbes(AgentLoop& loop, std::uint16_t port);

  // Sends what is due. Sockets of clients that are gone are closed: they would keep the namespaces.
  void ask();

  // Readable while take() has something to do.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  void take();

 private:
  struct Sockets {
    std::string netns, cookie;
    std::map<core::Family, ProbeSocket> all;
  };

  void take(const std::string& client, ProbeSocket& socket);

  ProbeSocket* socket_of(const AgentClient& client, const std::string& key, core::Family family);

  AgentLoop& loop_;
  std::uint16_t port_;
  os::Fd epoll_;
  std::map<std::string, Sockets> sockets_;
  // By descriptor, which is a number that is used again: what is no longer there is not found.
  std::map<int, std::pair<std::string, core::Family>> owners_;
};

}  // namespace cmd
