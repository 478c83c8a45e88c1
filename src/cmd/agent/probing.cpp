#include "cmd/agent/probing.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "os/random.hpp"

namespace cmd {
ProbeThread::ProbeThread(PathSettings settings, std::unique_ptr<ProbeSockets> sockets,
                         const os::Clock& clock)
    : sockets_(std::move(sockets)),
      clock_(clock),
      paths_(settings, clock, os::unguessable),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

ProbeThread::~ProbeThread() = default;

void ProbeThread::follow(std::shared_ptr<const ProbedClients> clients) {
  {
    const std::lock_guard lock(mutex_);
    clients_ = std::move(clients);
  }
  call_bell_.ring();
}

ProbeNews ProbeThread::take() {
  news_bell_.silence();
  const std::lock_guard lock(mutex_);
  return std::exchange(news_, {});
}

void ProbeThread::run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { call_bell_.ring(); });
  while (!stop.stop_requested()) {
    adopt();
    if (stop.stop_requested()) return;  // its ring may have been taken for another
    for (const AgentPaths::Question& question : paths_.ask()) sockets_->send(question);
    publish();
    wait();
    for (const ProbeSockets::Answer& answer : sockets_->take()) {
      paths_.heard(answer.client, answer.gateway, answer.nonce, answer.known, answer.draining);
    }
    publish();
  }
}

void ProbeThread::adopt() {
  call_bell_.silence();
  std::shared_ptr<const ProbedClients> clients;
  {
    const std::lock_guard lock(mutex_);
    clients.swap(clients_);
  }
  if (!clients) return;
  paths_.follow(*clients);
  sockets_->follow(std::move(clients));
}

void ProbeThread::publish() {
  ProbeNews news = paths_.take_news();
  if (!news.verdicts) return;
  {
    const std::lock_guard lock(mutex_);
    news_.verdicts = std::move(news.verdicts);
    news_.changed.merge(news.changed);
  }
  news_bell_.ring();
}

void ProbeThread::wait() const {
  using namespace std::chrono_literals;
  const os::Time now = clock_.now();
  const os::Time due = paths_.due();
  const auto left = due <= now ? 0ms
                               : std::chrono::ceil<std::chrono::milliseconds>(
                                     std::min<os::Time::duration>(due - now, 1h));
  std::array<pollfd, 2> fds = {pollfd{sockets_->fd(), POLLIN, 0},
                               pollfd{call_bell_.fd(), POLLIN, 0}};
  poll(fds.data(), fds.size(), static_cast<int>(left.count()));
}

}  // namespace cmd
