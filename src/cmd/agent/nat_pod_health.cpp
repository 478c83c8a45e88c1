#include "cmd/agent/nat_pod_health.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cmd {
namespace {

using namespace std::chrono_literals;
using core::Address;

// A client that is not known yet asks soon again, and more and more seldom.
constexpr std::chrono::milliseconds first_pace = 2ms;
constexpr std::chrono::milliseconds longest_pace = 250ms;
// One voice's own trouble must not kill a NAT pod for all, nor its lies keep it: so many are asked.
constexpr std::size_t most_asked = 3;

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
      regroup(gateway->second);
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
                                                 .asked = {}});
  regroup(gateway->second);
}

// By tenants; where there is one only, by clients. What was heard of a voice that stays, stays.
void AgentPaths::regroup(Gateway& gateway) {
  std::map<std::string, std::set<ClientKey>> tenants;
  for (const auto& [client, path] : gateway.paths) {
    const auto known = clients_.find(client);  // it may be about to go
    if (known != clients_.end()) tenants[known->second->end.tenant].insert(client);
  }
  std::map<std::string, Voice> voices;
  const auto add = [&](std::string name, std::set<ClientKey> clients) {
    const auto before = gateway.voices.find(name);
    Voice& voice = voices[name];
    if (before != gateway.voices.end()) voice = before->second;
    voice.clients = std::move(clients);
  };
  for (const auto& [tenant, clients] : tenants) {
    if (tenants.size() > 1) {
      add("tenant " + tenant, clients);
    } else {
      for (const ClientKey& client : clients) add("client " + client, {client});
    }
  }
  // Where there were two and are more now, or the other way round, paths may be judged otherwise.
  const bool judged = std::ranges::any_of(
      gateway.voices, [&](const auto& voice) { return cut_off(gateway, voice.second); });
  gateway.voices = std::move(voices);
  const bool are_judged = std::ranges::any_of(
      gateway.voices, [&](const auto& voice) { return cut_off(gateway, voice.second); });
  if (judged || are_judged) change_all(gateway);
}

AgentPaths::Voice* AgentPaths::voice_of(Gateway& gateway, const ClientKey& client) const {
  const auto found = std::ranges::find_if(
      gateway.voices, [&](const auto& voice) { return voice.second.clients.contains(client); });
  return found == gateway.voices.end() ? nullptr : &found->second;
}

// Two voices, of which this one hears nothing and the other one does: nobody can tell who is right.
bool AgentPaths::cut_off(const Gateway& gateway, const Voice& voice) const {
  return gateway.voices.size() == 2 && voice.answered && voice.missed >= settings_.misses;
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
      questions.push_back(question(client, address, path));
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
  end_round(gateway);
  // Others each time, so that none of them decides for long.
  const std::size_t count = std::min(most_asked, gateway.voices.size());
  for (std::size_t i = 0; i < count; ++i) {
    auto chosen = gateway.voices.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(gateway.turn++ % gateway.voices.size()));
    Voice& voice = chosen->second;
    auto client = voice.clients.begin();
    std::advance(client, static_cast<std::ptrdiff_t>(voice.turn++ % voice.clients.size()));
    voice.asked = true;
    questions.push_back(question(*client, address, gateway.paths.at(*client)));
  }
}

AgentPaths::Question AgentPaths::question(const ClientKey& client, const Address& address,
                                          Path& path) {
  const Time now = clock_.now();
  const Time oldest = now - settings_.interval * settings_.misses;
  std::erase_if(path.asked, [&](const Asked& asked) { return asked.at < oldest; });
  path.asked.push_back({nonce_(), now});
  return {client, address, path.asked.back().nonce};
}

void AgentPaths::end_round(Gateway& gateway) {
  std::size_t asked = 0, heard = 0;
  for (auto& [name, voice] : gateway.voices) {
    if (voice.asked) {
      ++asked;
      if (voice.heard) ++heard;
      const bool was = cut_off(gateway, voice);
      voice.missed = voice.heard ? 0 : voice.missed + 1;
      if (cut_off(gateway, voice) != was) {
        changed_.insert(voice.clients.begin(), voice.clients.end());
      }
    }
    voice.asked = voice.heard = false;
  }
  if (asked == 0) return;
  gateway.missed = heard * 2 >= asked && heard != 0 ? 0 : gateway.missed + 1;
  if (gateway.answered && gateway.alive && gateway.missed >= settings_.misses) {
    gateway.alive = false;
    change_all(gateway);
  }
}

// What those that were asked in this round heard so far; before the first round, all are.
void AgentPaths::listen(Gateway& gateway) {
  const bool begun =
      std::ranges::any_of(gateway.voices, [](const auto& voice) { return voice.second.asked; });
  std::size_t asked = 0, heard = 0, draining = 0;
  for (const auto& [name, voice] : gateway.voices) {
    if (begun && !voice.asked) continue;
    ++asked;
    heard += voice.heard ? 1 : 0;
    draining += voice.heard && voice.draining ? 1 : 0;
  }
  if (heard != 0 && heard * 2 >= asked) {
    gateway.missed = 0;
    gateway.answered = true;
    if (std::exchange(gateway.silent, false)) change_all(gateway);
    if (!std::exchange(gateway.alive, true)) change_all(gateway);
  }
  // One that drains says so to all. Who alone says it is believed when the cluster says it, too.
  bool drains = gateway.draining;
  if (draining * 2 > asked) drains = true;
  if ((heard - draining) * 2 > asked) drains = false;
  if (std::exchange(gateway.draining, drains) != drains) change_all(gateway);
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
  if (path == gateway.paths.end()) return;
  std::vector<Asked>& open = path->second.asked;
  const auto asked = std::ranges::find(open, nonce, &Asked::nonce);
  if (asked == open.end()) return;
  // What answers to older questions still say is not news any more.
  open.erase(open.begin(), std::next(asked));
  if (Voice* const voice = voice_of(gateway, client)) {
    const bool was = cut_off(gateway, *voice);
    voice->heard = voice->answered = true;
    voice->missed = 0;
    voice->draining = draining;
    if (was) changed_.insert(voice->clients.begin(), voice->clients.end());
    listen(gateway);
  }
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
      Gateway& gateway = gateways_.at(address);
      const Path& path = gateway.paths.at(key);
      const Voice* const voice = gateway.voices.size() == 2 ? voice_of(gateway, key) : nullptr;
      verdicts[address] = {path.number, path.known, path.assumed,
                           voice == nullptr || !cut_off(gateway, *voice)};
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
