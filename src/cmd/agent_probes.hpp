// The sockets by which an agent asks NAT pods, in the network namespaces of its clients: that is
// the way that their traffic goes.
#pragma once

#include <poll.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cmd/agent_loop.hpp"
#include "cmd/probe_socket.hpp"

namespace cmd {

class AgentProbes {
 public:
  // `port` is where NAT pods answer.
  AgentProbes(AgentLoop& loop, std::uint16_t port) : loop_(loop), port_(port) {}

  // Sends what is due. Sockets of clients that are gone are closed: they would keep the namespaces.
  void ask();

  void add_to(std::vector<pollfd>& fds) const;
  void take(const std::vector<pollfd>& fds);

 private:
  struct Sockets {
    std::string netns, cookie;
    std::map<core::Family, ProbeSocket> all;
  };

  ProbeSocket* socket_of(const AgentClient& client, const std::string& key, core::Family family);

  AgentLoop& loop_;
  std::uint16_t port_;
  std::map<std::string, Sockets> sockets_;
};

}  // namespace cmd
