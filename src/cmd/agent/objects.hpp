// The objects that an agent knows, by what it asks of them. Knows no kernel and no time.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/egress/plan_client.hpp"
#include "core/objects.hpp"

namespace cmd {

class AgentObjects {
 public:
  // Egresses about which there are news, and pods.
  struct News {
    std::set<core::ObjectName> egresses;
    std::set<core::ObjectName> pods;
  };
  News take(const core::ObjectChanges& changes);

  // Null where there is none.
  [[nodiscard]] const core::Egress* egress(const core::ObjectName& name) const;
  [[nodiscard]] const core::Pod* pod(const core::ObjectName& name) const;
  [[nodiscard]] const std::map<core::ObjectName, std::shared_ptr<const core::Object>>& pods()
      const {
    return pods_;
  }
  [[nodiscard]] const std::map<core::ObjectName, std::shared_ptr<const core::Object>>& egresses()
      const {
    return egresses_;
  }

  // The NAT pods of an Egress that take traffic, sorted: those that are ready, and those that end
  // and still serve.
  [[nodiscard]] std::vector<core::Gateway> gateways(const core::ObjectName& egress) const;
  // The addresses of its Service.
  [[nodiscard]] std::vector<core::Address> cluster_ips(const core::ObjectName& egress) const;

 private:
  using Slices = std::map<core::ObjectName, std::shared_ptr<const core::Object>>;

  std::map<core::ObjectName, std::shared_ptr<const core::Object>> egresses_, pods_, services_;
  std::map<core::ObjectName, Slices> slices_;  // by the Egress whose they are
  std::map<core::ObjectName, core::ObjectName> slice_of_;
};

}  // namespace cmd
