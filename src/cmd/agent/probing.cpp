#include "cmd/agent/probing.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "cmd/serve/log.hpp"
#include "core/error.hpp"
#include "net/netns.hpp"

namespace cmd {

AgentProbes::AgentProbes(AgentLoop& loop, std::uint16_t port)
    : loop_(loop), port_(port), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) {
    throw core::Error(core::Error::Kind::permanent,
                      std::string("cannot wait for probes: ") + std::strerror(errno));
  }
}

void AgentProbes::ask() {
  std::erase_if(sockets_, [&](const auto& entry) {
    const auto client = loop_.clients().find(entry.first);
    const bool over = client == loop_.clients().end() || !client->second.asks ||
                      client->second.gone || client->second.sandbox.netns != entry.second.netns ||
                      client->second.sandbox.cookie != entry.second.cookie;
    if (!over) return false;
    for (const auto& [family, socket] : entry.second.all) owners_.erase(socket.fd());
    return true;
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
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket->fd();
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket->fd(), &event) != 0) {
      throw core::Error(core::Error::Kind::transient,
                        std::string("cannot wait for answers: ") + std::strerror(errno));
    }
    owners_[socket->fd()] = {key, family};
    return &sockets.all.emplace(family, *std::move(socket)).first->second;
  } catch (const core::Error& error) {
    log::debug("cannot ask from a pod", {{"error", error.what()}});
    return nullptr;
  }
}

void AgentProbes::take() {
  std::array<epoll_event, 64> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto owner = owners_.find(events.at(static_cast<std::size_t>(i)).data.fd);
    if (owner == owners_.end()) continue;
    const auto& [client, family] = owner->second;
    const auto sockets = sockets_.find(client);
    if (sockets == sockets_.end()) continue;
    const auto socket = sockets->second.all.find(family);
    if (socket != sockets->second.all.end()) take(client, socket->second);
  }
}

void AgentProbes::take(const std::string& client, ProbeSocket& socket) {
  while (const auto received = socket.receive()) {
    const Probe& probe = received->probe;
    if (probe.answer) {
      loop_.heard(client, received->from, probe.nonce, probe.known, probe.draining);
    }
  }
}

}  // namespace cmd
