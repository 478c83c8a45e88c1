#include "cmd/agent/objects.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace cmd {

using core::Kind;
using core::ObjectName;

AgentObjects::News AgentObjects::take(const core::ObjectChanges& changes) {
  News news;
  const auto put = [](auto& all, const ObjectName& name, const auto& object) {
    if (object == nullptr) {
      all.erase(name);
    } else {
      all.insert_or_assign(name, object);
    }
  };
  for (const auto& [id, object] : changes) {
    switch (id.kind) {
      case Kind::egress:
        put(egresses_, id.name, object);
        news.egresses.insert(id.name);
        break;
      case Kind::pod:
        put(pods_, id.name, object);
        news.pods.insert(id.name);
        break;
      case Kind::service:
        put(services_, id.name, object);
        news.egresses.insert(id.name);  // they have one name
        break;
      case Kind::endpoint_slice: {
        const auto before = slice_of_.find(id.name);
        if (before != slice_of_.end()) {
          news.egresses.insert(before->second);
          slices_[before->second].erase(id.name);
          slice_of_.erase(before);
        }
        if (object == nullptr) break;
        const ObjectName egress{id.name.ns, std::get<core::EndpointSlice>(*object).service};
        if (egress.name.empty()) break;
        slices_[egress].emplace(id.name, object);
        slice_of_.emplace(id.name, egress);
        news.egresses.insert(egress);
        break;
      }
      default:
        break;
    }
  }
  return news;
}

const core::Egress* AgentObjects::egress(const ObjectName& name) const {
  const auto found = egresses_.find(name);
  return found == egresses_.end() ? nullptr : &std::get<core::Egress>(*found->second);
}

const core::Pod* AgentObjects::pod(const ObjectName& name) const {
  const auto found = pods_.find(name);
  return found == pods_.end() ? nullptr : &std::get<core::Pod>(*found->second);
}

std::vector<core::Gateway> AgentObjects::gateways(const ObjectName& egress) const {
  std::map<core::Address, bool> draining;
  const auto slices = slices_.find(egress);
  if (slices == slices_.end()) return {};
  for (const auto& [name, object] : slices->second) {
    for (const core::Endpoint& endpoint : std::get<core::EndpointSlice>(*object).endpoints) {
      if (endpoint.terminating ? !endpoint.serving : !endpoint.ready) continue;
      // An address may be in two slices for a moment, while it moves: the better news count.
      const auto [known, first] = draining.emplace(endpoint.address, endpoint.terminating);
      if (!first) known->second = known->second && endpoint.terminating;
    }
  }
  std::vector<core::Gateway> gateways;
  gateways.reserve(draining.size());
  for (const auto& [address, ends] : draining) gateways.push_back({address, ends, true});
  return gateways;
}

std::vector<core::Address> AgentObjects::cluster_ips(const ObjectName& egress) const {
  const auto found = services_.find(egress);
  if (found == services_.end()) return {};
  return std::get<core::Service>(*found->second).cluster_ips;
}

}  // namespace cmd
