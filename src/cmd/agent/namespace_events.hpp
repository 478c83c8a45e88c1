// What an agent hears from the network namespaces of its clients: that an interface or route there
// changed, on which the MTU of the tunnels depends. What must follow is found by looking there.
#pragma once

#include <poll.h>

#include <map>
#include <string>
#include <vector>

#include "cmd/agent/loop.hpp"
#include "net/network_events.hpp"

namespace cmd {

class AgentMonitors {
 public:
  explicit AgentMonitors(AgentLoop& loop) : loop_(loop) {}

  // Opens what clients lack; closes those of clients that are gone: they would keep the namespaces.
  void follow();

  void add_to(std::vector<pollfd>& fds) const;
  void take(const std::vector<pollfd>& fds);

 private:
  struct Monitor {
    std::string netns, cookie;
    net::PathMonitor monitor;
  };

  void open(const std::string& key, const Sandbox& sandbox);

  AgentLoop& loop_;
  std::map<std::string, Monitor> monitors_;
};

}  // namespace cmd
