// The cluster as an agent needs it: what it must know of Egresses, NAT pods and the pods of its
// node, and where it tells who the clients on this node are.
#pragma once

#include <memory>
#include <string>

#include "kube/api/event_recorder.hpp"
#include "kube/api/kubeconfig.hpp"
#include "kube/egress/client_list_places.hpp"
#include "kube/source.hpp"

namespace kube {

class AgentSource : public Source {
 public:
  // Replaces what was published before. Nothing is written before the first time, and then lists
  // of whom it does not name are deleted: call it when all clients are known. Never blocks.
  virtual void publish(ClientLists lists) = 0;

  // An Event on a pod or an Egress.
  virtual void note(EventNote note) = 0;
};

struct AgentClusterOptions {
  ClientConfig config;
  std::string user_agent;  // "pona/0.1.0 (agent)"
  std::string node;        // that this process runs on
};

// Gives all Egresses, the pods of this node, Services and EndpointSlices of all Egresses, and this
// node's own client lists as they are in the cluster. Nothing is connected yet when it returns;
// what goes wrong then is among the problems, and tried again for ever. Throws core::Error when the
// process has no descriptors left.
std::unique_ptr<AgentSource> open_agent_cluster(const AgentClusterOptions& options);

}  // namespace kube
