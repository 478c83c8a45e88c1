// One pod's interface on this node, what is to become of it, and what the CNI plugin is answered.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "cmd/agent/nat_pod_health.hpp"
#include "cmd/node/sandbox_record.hpp"
#include "cmd/serve/backoff.hpp"
#include "core/egress/plan_client.hpp"
#include "os/clock.hpp"

namespace cmd {

struct AgentSettings {
  std::string node;  // its name; empty: the source knows no pods but this node's
  core::ClientSettings client;
  PathSettings paths;
  std::chrono::milliseconds acknowledge{2000};  // how long an ADD waits for NAT pods
  std::chrono::milliseconds pod{2000};          // and for news of the pod
  std::chrono::seconds resync{60};
};

// The answer to a request of the CNI plugin.
struct AgentReply {
  int code = 0;  // of the CNI specification; 0: well
  std::string message;
  std::string details;
};

// One pod's interface, and what became of it.
struct AgentClient {
  Sandbox sandbox;
  bool due = true;                        // to be looked at
  bool found = false;                     // by this agent as it started, and not yet looked at
  bool asks = false;                      // for any Egress: it is a client
  bool unclear = false;                   // nobody knows for which: what is closed stays closed
  std::string uid;                        // of the pod
  bool nat = false;                       // it is a NAT pod, whatever else it is
  std::string nat_error;                  // why its parameters are not as it needs them
  bool configured = false;                // something of ours may be in its namespace
  bool gone = false;                      // the namespace is
  bool ipv6 = true;                       // is not disabled there
  std::vector<core::ObjectName> missing;  // Egresses that it asks for and that are not there
  std::vector<core::ObjectName> egresses;
  std::vector<core::ClientDestination> destinations;
  std::vector<std::string> problems;
  std::string error;
  Backoff backoff;
  os::Time not_before{};
  os::Time resync{};

  // Something of ours is to be there, or may be.
  [[nodiscard]] bool ours() const { return asks || configured || nat; }
};

}  // namespace cmd
