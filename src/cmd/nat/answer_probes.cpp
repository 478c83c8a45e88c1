#include "cmd/nat/answer_probes.hpp"

#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "core/egress/tunnels.hpp"

namespace cmd {

ProbeAnswers::ProbeAnswers(const std::vector<core::Address>& addresses, std::uint16_t port,
                           LatestClients& known)
    : known_(known) {
  for (const core::Address& address : addresses) sockets_.emplace_back(address.family(), port);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ProbeAnswers::~ProbeAnswers() {
  thread_.request_stop();
  end_.ring();
}

void ProbeAnswers::run(const std::stop_token& stop) {
  std::vector<pollfd> fds{{end_.fd(), POLLIN, 0}};
  for (const ProbeSocket& socket : sockets_) fds.push_back({socket.fd(), POLLIN, 0});
  while (!stop.stop_requested()) {
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (fds[1 + i].revents != 0) answer(sockets_[i]);
    }
  }
}

void ProbeAnswers::answer(ProbeSocket& socket) {
  const auto known = known_.read();
  // The next look at what is known comes after some of them, and the other family's turn as well.
  constexpr int most_at_once = 256;
  for (int i = 0; i < most_at_once; ++i) {
    const auto received = socket.receive();
    if (!received) return;
    if (received->probe.answer) continue;
    Probe answer = received->probe;
    answer.answer = true;
    answer.draining = known->draining;
    const auto client = known->clients.find(received->from);
    answer.known = client != known->clients.end() &&
                   std::ranges::find(client->second, answer.client) != client->second.end();
    // What came through a tunnel goes back through it.
    char name[IF_NAMESIZE] = "";
    if_indextoname(received->interface, name);
    socket.send(answer, received->from, received->port, &received->to, core::is_tunnel_name(name));
  }
}

}  // namespace cmd
