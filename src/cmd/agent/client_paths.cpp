#include "cmd/agent/client_paths.hpp"

#include <algorithm>
#include <utility>

namespace cmd {

using core::Address;

void ClientPaths::set(const ClientKey& client, ProbedEnd end, const std::set<Address>& gateways,
                      bool assumed) {
  const auto found = clients_.find(client);
  if (gateways.empty()) return remove(client);
  ProbedClient probed{std::move(end), {}};
  if (found != clients_.end()) {
    probed.paths = found->second->paths;
    std::erase_if(probed.paths, [&](const auto& path) {
      const bool over = !gateways.contains(path.first);
      if (over) forget(path.first);
      return over;
    });
  }
  for (const Address& address : gateways) {
    if (probed.paths.contains(address)) continue;
    probed.paths[address] = {++last_number_, assumed};
    ++gateways_[address];
  }
  put(client, std::move(probed));
}

void ClientPaths::set_gone(const ClientKey& client, bool gone) {
  const auto found = clients_.find(client);
  if (found == clients_.end() || found->second->end.gone == gone) return;
  ProbedClient probed = *found->second;
  probed.end.gone = gone;
  put(client, std::move(probed));
}

void ClientPaths::remove(const ClientKey& client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  for (const auto& [address, path] : found->second->paths) forget(address);
  clients_.erase(found);
  changed_ = true;
}

void ClientPaths::put(const ClientKey& client, ProbedClient probed) {
  auto& known = clients_[client];
  if (known && *known == probed) return;
  known = std::make_shared<const ProbedClient>(std::move(probed));
  changed_ = true;
}

void ClientPaths::forget(const Address& gateway) {
  const auto found = gateways_.find(gateway);
  if (found != gateways_.end() && --found->second == 0) gateways_.erase(found);
}

std::shared_ptr<const ProbedClients> ClientPaths::take_changes() {
  if (!std::exchange(changed_, false)) return nullptr;
  return std::make_shared<const ProbedClients>(clients_);
}

// One to which no path leads any more may come back as another one.
GatewayVerdict ClientPaths::verdict(const Address& gateway) const {
  if (!gateways_.contains(gateway)) return {};
  const auto found = verdicts_->gateways.find(gateway);
  return found == verdicts_->gateways.end() ? GatewayVerdict() : found->second;
}

const PathVerdict* ClientPaths::verdict(const ClientKey& client, const Address& gateway,
                                        const ProbedPath& path) const {
  const auto all = verdicts_->clients.find(client);
  if (all == verdicts_->clients.end()) return nullptr;
  const auto found = all->second->find(gateway);
  if (found == all->second->end() || found->second.number != path.number) return nullptr;
  return &found->second;
}

bool ClientPaths::usable(const ClientKey& client, const Address& gateway) const {
  if (!probed_) return true;
  const auto found = clients_.find(client);
  if (found == clients_.end()) return false;
  const auto path = found->second->paths.find(gateway);
  const GatewayVerdict of_gateway = verdict(gateway);
  if (path == found->second->paths.end() || !of_gateway.alive) return false;
  if (of_gateway.silent) return true;
  const PathVerdict* const of_path = verdict(client, gateway, path->second);
  if (of_path == nullptr) return path->second.assumed;
  return of_path->alive && (of_path->known || of_path->assumed);
}

bool ClientPaths::confirmed(const ClientKey& client, const Address& gateway) const {
  const auto found = clients_.find(client);
  if (!probed_ || found == clients_.end() || verdict(gateway).silent) return true;
  const auto path = found->second->paths.find(gateway);
  if (path == found->second->paths.end()) return true;
  const PathVerdict* const of_path = verdict(client, gateway, path->second);
  return of_path != nullptr && of_path->known;
}

bool ClientPaths::draining(const Address& gateway) const { return verdict(gateway).draining; }

bool ClientPaths::alive(const Address& gateway) const { return verdict(gateway).alive; }

bool ClientPaths::alive(const ClientKey& client, const Address& gateway) const {
  if (!alive(gateway)) return false;
  const auto found = clients_.find(client);
  if (found == clients_.end()) return true;
  const auto path = found->second->paths.find(gateway);
  if (path == found->second->paths.end()) return true;
  const PathVerdict* const of_path = verdict(client, gateway, path->second);
  return of_path == nullptr || of_path->alive;
}

bool ClientPaths::settled(const ClientKey& client) const {
  const auto found = clients_.find(client);
  if (!probed_ || found == clients_.end()) return true;
  return std::ranges::all_of(found->second->paths, [&](const auto& item) {
    const auto& [address, path] = item;
    const GatewayVerdict of_gateway = verdict(address);
    if (!of_gateway.alive || of_gateway.silent) return true;
    const PathVerdict* const of_path = verdict(client, address, path);
    return of_path != nullptr && (of_path->known || !of_path->alive);
  });
}

}  // namespace cmd
