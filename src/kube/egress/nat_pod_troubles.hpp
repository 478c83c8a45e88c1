// Why the NAT pods of Egresses are not available, as the cluster says it of their Deployments and
// pods, in few words that stay the same as long as nothing changes: each other text is another
// status and another Event. No I/O.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/objects.hpp"
#include "kube/decode/object_version.hpp"

namespace kube {

class NatPodTroubles {
 public:
  // A NAT pod with its JSON; null: it is gone. Returns the Egress of which something else is to be
  // said than before; one without a name: none.
  core::ObjectName update(const core::ObjectName& pod, const Seen* seen);

  // At most three texts, those that are about most pods.
  [[nodiscard]] std::vector<std::string> of(const core::ObjectName& egress) const;

 private:
  struct Trouble {
    core::ObjectName egress;
    std::string text;
  };
  std::map<core::ObjectName, Trouble> pods_;
};

// Of a pod's JSON; empty: none that the cluster knows of.
std::string trouble_of_pod(std::string_view pod);
// Of a Deployment's JSON: why its pods are not even created (ReplicaFailure); empty: they are.
std::string trouble_of_deployment(std::string_view deployment);

}  // namespace kube
