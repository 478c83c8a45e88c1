// What an agent tells the cluster: who the clients on its node are, for NAT pods to know them, and
// Events on pods whose network is not as their authors wish.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "cmd/agent/clients.hpp"
#include "kube/egress/agent_source.hpp"
#include "os/clock.hpp"

namespace cmd {

// Of each Egress that is there, sorted.
kube::ClientLists client_lists(const AgentClients& clients);

class Publishing {
 public:
  // Null: nobody is told.
  Publishing(kube::AgentSource* cluster, os::Clock clock)
      : cluster_(cluster), clock_(std::move(clock)) {}

  // Where something changed. Only when all objects and sandboxes are known: who is not among them
  // is taken out of the lists.
  void publish(AgentClients& clients);
  // Each pod's author hears once of each thing that is wrong. True: call it again soon.
  bool note_pods(const AgentClients& clients);

 private:
  void note(const core::ObjectName& pod, const std::string& uid, const std::string& reason,
            const std::string& text);

  kube::AgentSource* cluster_;
  os::Clock clock_;
  std::map<core::ObjectName, std::string> noted_;       // by Events, to their authors
  std::map<core::ObjectName, os::Time> unknown_since_;  // of unknown pods
};

}  // namespace cmd
