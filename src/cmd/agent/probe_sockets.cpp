#include "cmd/agent/probe_sockets.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "cmd/node/sandbox_record.hpp"
#include "cmd/serve/log.hpp"
#include "core/error.hpp"
#include "net/netns.hpp"
#include "net/probe_socket.hpp"
#include "os/fd.hpp"

namespace cmd {
namespace {

class NamespaceSockets : public ProbeSockets {
 public:
  explicit NamespaceSockets(std::uint16_t port)
      : port_(port), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) {
      throw core::Error(core::Error::Kind::permanent,
                        std::string("cannot wait for probes: ") + std::strerror(errno));
    }
  }

  void follow(std::shared_ptr<const ProbedClients> clients) override;
  void send(const AgentPaths::Question& question) override;
  [[nodiscard]] int fd() const override { return epoll_.get(); }
  std::vector<Answer> take() override;

 private:
  struct Sockets {
    std::string netns, cookie;
    std::map<core::Family, ProbeSocket> all;
  };

  ProbeSocket* socket_of(const ClientKey& key, const ProbedEnd& end, core::Family family);

  std::uint16_t port_;
  os::Fd epoll_;
  std::shared_ptr<const ProbedClients> clients_ = std::make_shared<const ProbedClients>();
  std::map<ClientKey, Sockets> sockets_;
  // By descriptor, which is a number that is used again: what is no longer there is not found.
  std::map<int, std::pair<ClientKey, core::Family>> owners_;
};

void NamespaceSockets::follow(std::shared_ptr<const ProbedClients> clients) {
  clients_ = std::move(clients);
  std::erase_if(sockets_, [&](const auto& entry) {
    const auto& [key, sockets] = entry;
    const auto client = clients_->find(key);
    if (client != clients_->end()) {
      const ProbedEnd& end = client->second->end;
      if (!end.gone && end.netns == sockets.netns && end.cookie == sockets.cookie) return false;
    }
    for (const auto& [family, socket] : sockets.all) owners_.erase(socket.fd());
    return true;
  });
}

void NamespaceSockets::send(const AgentPaths::Question& question) {
  const auto client = clients_->find(question.client);
  if (client == clients_->end() || client->second->end.gone) return;
  const ProbedEnd& end = client->second->end;
  ProbeSocket* const socket = socket_of(question.client, end, question.gateway.family());
  if (socket == nullptr) return;
  Probe probe;
  probe.nonce = question.nonce;
  probe.client = hash_uid(end.uid);
  // From the address by which the NAT pod knows the client, not from the one that the way to the
  // NAT pod has.
  const auto source =
      std::ranges::find(end.addresses, question.gateway.family(), &core::Address::family);
  socket->send(probe, question.gateway, port_, source == end.addresses.end() ? nullptr : &*source,
               false);
}

ProbeSocket* NamespaceSockets::socket_of(const ClientKey& key, const ProbedEnd& end,
                                         core::Family family) {
  Sockets& sockets = sockets_[key];
  sockets.netns = end.netns;
  sockets.cookie = end.cookie;
  const auto found = sockets.all.find(family);
  if (found != sockets.all.end()) return &found->second;
  try {
    const net::Namespace netns = net::Namespace::open(end.netns);
    if (!end.cookie.empty() && netns_cookie(netns) != end.cookie) return nullptr;
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

std::vector<ProbeSockets::Answer> NamespaceSockets::take() {
  std::vector<Answer> answers;
  std::array<epoll_event, 64> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto owner = owners_.find(events.at(static_cast<std::size_t>(i)).data.fd);
    if (owner == owners_.end()) continue;
    const auto& [client, family] = owner->second;
    ProbeSocket& socket = sockets_.at(client).all.at(family);
    while (const auto received = socket.receive()) {
      const Probe& probe = received->probe;
      if (!probe.answer) continue;
      answers.push_back({client, received->from, probe.nonce, probe.known, probe.draining});
    }
  }
  return answers;
}

}  // namespace

std::unique_ptr<ProbeSockets> open_probe_sockets(std::uint16_t port) {
  return std::make_unique<NamespaceSockets>(port);
}

}  // namespace cmd
