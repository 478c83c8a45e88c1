#include "cmd/agent/nat_pod_health.hpp"

#include <algorithm>
#include <utility>

namespace cmd {
namespace {

using namespace std::chrono_literals;
using core::Address;

// A client that is not known yet asks soon again, and more and more seldom.
constexpr std::chrono::milliseconds first_pace = 2ms;
constexpr std::chrono::milliseconds longest_pace = 250ms;
// One client's own trouble must not kill a NAT pod for all: so many ask for all.
constexpr std::size_t probers = 3;

}  // namespace

void AgentPaths::set(const ClientKey& client, const std::set<Address>& gateways) {
  std::set<Address>& before = clients_[client];
  for (const Address& address : before) {
    if (gateways.contains(address)) continue;
    const auto gateway = gateways_.find(address);
    gateway->second.paths.erase(client);
    if (gateway->second.paths.empty()) gateways_.erase(gateway);
  }
  const Time now = clock_.now();
  for (const Address& address : gateways) {
    if (before.contains(address)) continue;
    const auto [gateway, first] = gateways_.try_emplace(address);
    if (first) {
      gateway->second.since = now;
      gateway->second.next = now + settings_.interval;
    }
    gateway->second.paths[client] = {.known = false,
                                     .assumed = false,
                                     .first = now,
                                     .next = now,
                                     .pace = first_pace,
                                     .nonce = 0};
  }
  before = gateways;
  if (before.empty()) clients_.erase(client);
}

void AgentPaths::assume(const ClientKey& client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  for (const Address& address : found->second) {
    Path& path = gateways_.at(address).paths.at(client);
    path.assumed = !path.known;
  }
}

// It never answered anybody, and had the time to.
bool AgentPaths::silent(const Gateway& gateway) const {
  return !gateway.answered && clock_.now() - gateway.since >= settings_.grace;
}

bool AgentPaths::usable(const ClientKey& client, const Address& gateway) const {
  if (!settings_.enabled) return true;
  const auto found = gateways_.find(gateway);
  if (found == gateways_.end()) return false;
  const auto path = found->second.paths.find(client);
  if (path == found->second.paths.end() || !found->second.alive) return false;
  return path->second.known || path->second.assumed || silent(found->second);
}

bool AgentPaths::draining(const Address& gateway) const {
  const auto found = gateways_.find(gateway);
  return found != gateways_.end() && found->second.draining;
}

bool AgentPaths::alive(const Address& gateway) const {
  const auto found = gateways_.find(gateway);
  return found == gateways_.end() || found->second.alive;
}

bool AgentPaths::settled(const ClientKey& client) const {
  const auto found = clients_.find(client);
  if (!settings_.enabled || found == clients_.end()) return true;
  return std::ranges::all_of(found->second, [&](const Address& address) {
    const Gateway& gateway = gateways_.at(address);
    return !gateway.alive || silent(gateway) || gateway.paths.at(client).known;
  });
}

std::vector<AgentPaths::Question> AgentPaths::ask() {
  std::vector<Question> questions;
  if (!settings_.enabled) return questions;
  const Time now = clock_.now();
  for (auto& [address, gateway] : gateways_) {
    for (auto& [client, path] : gateway.paths) {
      if (path.known || now < path.next) continue;
      path.nonce = ++last_nonce_;
      questions.push_back({client, address, path.nonce});
      path.next = now + path.pace;
      const bool late = now - path.first > settings_.grace;
      if (late && std::exchange(path.assumed, false)) changed_.insert(client);
      path.pace = late ? longest_pace : std::min(path.pace * 2, std::max(longest_pace / 5, 2ms));
      // Now it counts as one that answers nobody.
      if (!gateway.answered && now - gateway.since >= settings_.grace) changed_.insert(client);
    }
    if (now >= gateway.next) round(address, gateway, questions);
  }
  return questions;
}

void AgentPaths::round(const Address& address, Gateway& gateway, std::vector<Question>& questions) {
  gateway.next = clock_.now() + settings_.interval;
  gateway.missed = gateway.heard ? 0 : gateway.missed + 1;
  gateway.heard = false;
  if (gateway.answered && gateway.alive && gateway.missed >= settings_.misses) {
    gateway.alive = false;
    change_all(gateway);
  }
  // Others each time, so that none of them decides for long.
  const std::size_t count = std::min(probers, gateway.paths.size());
  for (std::size_t i = 0; i < count; ++i) {
    auto path = gateway.paths.begin();
    std::advance(path, static_cast<std::ptrdiff_t>(gateway.turn++ % gateway.paths.size()));
    path->second.nonce = ++last_nonce_;
    questions.push_back({path->first, address, path->second.nonce});
  }
}

void AgentPaths::change_all(const Gateway& gateway) {
  for (const auto& [client, path] : gateway.paths) changed_.insert(client);
}

AgentPaths::Time AgentPaths::due() const {
  Time due = Time::max();
  if (!settings_.enabled) return due;
  for (const auto& [address, gateway] : gateways_) {
    due = std::min(due, gateway.next);
    for (const auto& [client, path] : gateway.paths) {
      if (!path.known) due = std::min(due, path.next);
    }
  }
  return due;
}

std::set<AgentPaths::ClientKey> AgentPaths::heard(const ClientKey& client, const Address& address,
                                                  std::uint64_t nonce, bool known, bool draining) {
  const auto found = gateways_.find(address);
  if (found == gateways_.end()) return {};
  Gateway& gateway = found->second;
  const auto path = gateway.paths.find(client);
  // Only the last question's answer counts: an older one tells what was.
  if (path == gateway.paths.end() || path->second.nonce != nonce) return {};
  gateway.heard = true;
  gateway.missed = 0;
  gateway.answered = true;
  if (!std::exchange(gateway.alive, true)) change_all(gateway);
  if (std::exchange(gateway.draining, draining) != draining) change_all(gateway);
  const bool assumed = std::exchange(path->second.assumed, false);
  if (assumed && !known) changed_.insert(client);
  if (std::exchange(path->second.known, known) != known) {
    changed_.insert(client);
    path->second.first = path->second.next = clock_.now();
    path->second.pace = first_pace;
  }
  return std::exchange(changed_, {});
}

}  // namespace cmd
