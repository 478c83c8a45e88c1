#include "core/edge/flow_sample.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace core {
namespace {

// Clients come by the interface that has the address, if that is one for clients.
std::string interface_of_clients(const Address& address, const Host& host,
                                 std::span<const ExternalInterface> external) {
  for (const auto& [name, interface] : host.interfaces) {
    const auto has = std::ranges::find(interface.addresses, address, &Prefix::address);
    if (has == interface.addresses.end()) continue;
    const bool leads_out =
        address.family() == Family::ipv4 ? interface.default4 : interface.default6;
    const bool for_clients =
        external.empty()
            ? leads_out
            : std::ranges::find(external, name, &ExternalInterface::name) != external.end();
    return for_clients ? name : "";
  }
  return "";
}

}  // namespace

std::vector<SampledFlow> sample_flows(std::span<const std::shared_ptr<const Forward>> forwards,
                                      const Host& host, std::span<const ExternalInterface> external,
                                      bool services) {
  std::vector<SampledFlow> chosen;
  std::vector<SampledFlow> rest;
  std::set<std::tuple<std::string, Family, Protocol>> seen;
  for (const auto& forward : forwards) {
    if (!forward->active || forward->nobody || forward->slots.empty()) continue;
    if (chosen.size() == most_sampled_flows) break;
    const Backend& endpoint = forward->backends[forward->slots[0]];
    std::string in = interface_of_clients(forward->key.address, host, external);
    const bool first =
        seen.emplace(in, forward->key.address.family(), forward->key.protocol).second;
    if (!first && rest.size() >= most_sampled_flows) continue;
    SampledFlow flow{{forward->key.protocol, forward->key.address, forward->key.ports.first,
                      endpoint.address, endpoint.ports.first, std::move(in), services},
                     forward->owner};
    (first ? chosen : rest).push_back(std::move(flow));
  }
  for (SampledFlow& flow : rest) {
    if (chosen.size() == most_sampled_flows) break;
    chosen.push_back(std::move(flow));
  }
  return chosen;
}

}  // namespace core
