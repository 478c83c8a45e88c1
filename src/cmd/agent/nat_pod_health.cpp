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

void AgentPaths::follow(const ProbedClients& clients) {
  const ProbedClients before = std::exchange(clients_, clients);
  // What ends goes first: a NAT pod whose last path ends is another one if it comes back.
  for (const auto& [key, client] : before) {
    const auto now = clients.find(key);
    if (now != clients.end() && now->second == client) continue;
    if (now == clients.end()) verdicts_.clients.erase(key);
    for (const auto& [address, probed] : client->paths) {
      if (now != clients.end()) {
        const auto kept = now->second->paths.find(address);
        if (kept != now->second->paths.end() && kept->second.number == probed.number) continue;
      }
      const auto gateway = gateways_.find(address);
      gateway->second.paths.erase(key);
      if (gateway->second.paths.empty()) gateways_.erase(gateway);
    }
  }
  for (const auto& [key, client] : clients) {
    const auto was = before.find(key);
    if (was != before.end() && was->second == client) continue;
    for (const auto& [address, probed] : client->paths) add(key, address, probed);
  }
}

void AgentPaths::add(const ClientKey& client, const Address& address, const ProbedPath& probed) {
  const Time now = clock_.now();
  const auto [gateway, first] = gateways_.try_emplace(address);
  if (first) {
    gateway->second.since = now;
    gateway->second.next = now + settings_.interval;
    // It was another one, of which something else is said.
    if (verdicts_.gateways.contains(address)) changed_.insert(client);
  }
  gateway->second.paths.try_emplace(client, Path{.number = probed.number,
                                                 .known = false,
                                                 .assumed = probed.assumed,
                                                 .first = now,
                                                 .next = now,
                                                 .pace = first_pace,
                                                 .nonce = 0});
}

std::vector<AgentPaths::Question> AgentPaths::ask() {
  std::vector<Question> questions;
  if (!settings_.enabled) return questions;
  const Time now = clock_.now();
  for (auto& [address, gateway] : gateways_) {
    if (!gateway.answered && !gateway.silent && now - gateway.since >= settings_.grace) {
      gateway.silent = true;
      change_all(gateway);
    }
    for (auto& [client, path] : gateway.paths) {
      if (path.known || now < path.next) continue;
      path.nonce = ++last_nonce_;
      questions.push_back({client, address, path.nonce});
      path.next = now + path.pace;
      const bool late = now - path.first > settings_.grace;
      if (late && std::exchange(path.assumed, false)) changed_.insert(client);
      path.pace = late ? longest_pace : std::min(path.pace * 2, std::max(longest_pace / 5, 2ms));
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
    if (!gateway.answered && !gateway.silent) due = std::min(due, gateway.since + settings_.grace);
    for (const auto& [client, path] : gateway.paths) {
      if (!path.known) due = std::min(due, path.next);
    }
  }
  return due;
}

void AgentPaths::heard(const ClientKey& client, const Address& address, std::uint64_t nonce,
                       bool known, bool draining) {
  const auto found = gateways_.find(address);
  if (found == gateways_.end()) return;
  Gateway& gateway = found->second;
  const auto path = gateway.paths.find(client);
  // Only the last question's answer counts: an older one tells what was.
  if (path == gateway.paths.end() || path->second.nonce != nonce) return;
  gateway.heard = true;
  gateway.missed = 0;
  gateway.answered = true;
  if (std::exchange(gateway.silent, false)) change_all(gateway);
  if (!std::exchange(gateway.alive, true)) change_all(gateway);
  if (std::exchange(gateway.draining, draining) != draining) change_all(gateway);
  const bool assumed = std::exchange(path->second.assumed, false);
  if (assumed && !known) changed_.insert(client);
  if (std::exchange(path->second.known, known) != known) {
    changed_.insert(client);
    path->second.first = path->second.next = clock_.now();
    path->second.pace = first_pace;
  }
}

ProbeNews AgentPaths::take_news() {
  if (changed_.empty()) return {};
  for (const ClientKey& key : changed_) {
    const auto client = clients_.find(key);
    if (client == clients_.end()) continue;
    ClientVerdicts verdicts;
    for (const auto& [address, probed] : client->second->paths) {
      const Path& path = gateways_.at(address).paths.at(key);
      verdicts[address] = {path.number, path.known, path.assumed};
    }
    verdicts_.clients[key] = std::make_shared<const ClientVerdicts>(std::move(verdicts));
  }
  verdicts_.gateways.clear();
  for (const auto& [address, gateway] : gateways_) {
    verdicts_.gateways[address] = {gateway.alive, gateway.draining, gateway.silent};
  }
  return {std::make_shared<const Verdicts>(verdicts_), std::exchange(changed_, {})};
}

}  // namespace cmd
