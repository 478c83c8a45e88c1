// What objects say of a flow where no daemon of this host tells it: read here from manifests and
// planned as a daemon would.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/agent/objects.hpp"
#include "cmd/edge/status.hpp"
#include "core/ip.hpp"
#include "core/objects.hpp"
#include "core/packet/diagnosis/judge.hpp"
#include "net/netns.hpp"

namespace cmd {

class PlannedPromise {
 public:
  // `manifests`: a directory of YAML or JSON files. Throws core::Error (usage) where there is none.
  explicit PlannedPromise(const std::string& manifests);

  // What an edge there, with the settings of this host, would serve of them. Throws core::Error.
  [[nodiscard]] EdgeStatus edge_status(const net::Namespace& where) const;
  // Nothing: no Egress takes the flow, or the pod is not among the objects.
  [[nodiscard]] std::optional<core::packet::Promise> egress(const core::ObjectName& pod,
                                                            const core::Address& address) const;
  // Of a pod; none: it is not among the objects, or has none yet.
  [[nodiscard]] std::vector<core::Address> addresses(const core::ObjectName& pod) const;
  // What could not be read, for people; empty: all could.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  std::string manifests_;
  core::ObjectChanges objects_;
  AgentObjects egresses_;  // the same, as an agent knows them
  std::string complaint_;
};

}  // namespace cmd
