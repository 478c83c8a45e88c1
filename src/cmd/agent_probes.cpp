#include "cmd/agent_probes.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "cmd/log.hpp"
#include "core/error.hpp"
#include "net/netns.hpp"

namespace cmd {

void AgentProbes::ask() {
  std::erase_if(sockets_, [&](const auto& entry) {
    const auto client = loop_.clients().find(entry.first);
    return client == loop_.clients().end() || !client->second.asks || client->second.gone ||
           client->second.sandbox.netns != entry.second.netns ||
           client->second.sandbox.cookie != entry.second.cookie;
  });
  for (const AgentPaths::Question& question : loop_.paths().ask()) {
    const auto client = loop_.clients().find(question.client);
    if (client == loop_.clients().end()) continue;
    ProbeSocket* const socket =
        socket_of(client->second, question.client, question.gateway.family());
    if (socket == nullptr) continue;
    Probe probe;
    probe.nonce = question.nonce;
    probe.client = hash_uid(client->second.uid);
    // From the address by which the NAT pod knows the client, not from the one that the way to the
    // NAT pod has.
    const auto& own = client->second.sandbox.addresses;
    const auto source = std::ranges::find(own, question.gateway.family(), &core::Address::family);
    socket->send(probe, question.gateway, port_, source == own.end() ? nullptr : &*source, false);
  }
}

ProbeSocket* AgentProbes::socket_of(const AgentClient& client, const std::string& key,
                                    core::Family family) {
  Sockets& sockets = sockets_[key];
  sockets.netns = client.sandbox.netns;
  sockets.cookie = client.sandbox.cookie;
  const auto found = sockets.all.find(family);
  if (found != sockets.all.end()) return &found->second;
  try {
    const net::Namespace netns = net::Namespace::open(client.sandbox.netns);
    if (!client.sandbox.cookie.empty() && netns_cookie(netns) != client.sandbox.cookie) {
      return nullptr;
    }
    std::optional<ProbeSocket> socket;
    netns.run([&] { socket.emplace(family, 0); });
    return &sockets.all.emplace(family, *std::move(socket)).first->second;
  } catch (const core::Error& error) {
    log::debug("cannot ask from a pod", {{"error", error.what()}});
    return nullptr;
  }
}

void AgentProbes::add_to(std::vector<pollfd>& fds) const {
  for (const auto& [key, sockets] : sockets_) {
    for (const auto& [family, socket] : sockets.all) fds.push_back({socket.fd(), POLLIN, 0});
  }
}

void AgentProbes::take(const std::vector<pollfd>& fds) {
  for (auto& [key, sockets] : sockets_) {
    for (auto& [family, socket] : sockets.all) {
      const int fd = socket.fd();
      const bool ready = std::ranges::any_of(
          fds, [fd](const pollfd& polled) { return polled.fd == fd && polled.revents != 0; });
      while (ready) {
        const auto received = socket.receive();
        if (!received) break;
        const Probe& probe = received->probe;
        if (probe.answer) {
          loop_.heard(key, received->from, probe.nonce, probe.known, probe.draining);
        }
      }
    }
  }
}

}  // namespace cmd
