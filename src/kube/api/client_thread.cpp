#include "kube/api/client_thread.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <random>
#include <utility>

#include "kube/api/credentials.hpp"
#include "kube/api/http.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

constexpr auto plugin_limit = 60s;
constexpr auto farewell_limit = 2s;

}  // namespace

std::string identity_of(const std::string& instance) {
  std::random_device random;
  char suffix[20];
  std::snprintf(suffix, sizeof suffix, "_%08x%08x", random(), random());
  return instance + suffix;
}

// What the thread works with, and nobody else.
class ClientThread::Connection {
 public:
  Connection(const ClientConfig& config, const std::string& user_agent, const Make& make,
             int stop_fd)
      : clock_(os::system_clock()),
        credentials_(config, clock_, plugin_limit, stop_fd),
        http_(open_http(credentials_, clock_, {user_agent})),
        client_(make(*http_, clock_)) {}

  // Until something is to be done, or the bell rings.
  void wait(int bell, os::Time due = os::Time::max()) {
    due = std::min({due, http_->due(), client_->due()});
    const auto left = due <= clock_.now()
                          ? 0ms
                          : std::min(std::chrono::ceil<std::chrono::milliseconds>(
                                         std::min(due - clock_.now(), os::Time::duration(1h))),
                                     std::chrono::milliseconds(1h));
    std::array<pollfd, 2> fds = {pollfd{http_->fd(), POLLIN, 0}, pollfd{bell, POLLIN, 0}};
    poll(fds.data(), fds.size(), static_cast<int>(left.count()));
  }

  std::optional<std::vector<Problem>> new_problems() {
    return client_->new_problems(credentials_.problems());
  }
  Client& client() { return *client_; }

 private:
  os::Clock clock_;
  Credentials credentials_;
  std::unique_ptr<Http> http_;
  std::unique_ptr<Client> client_;
};

ClientThread::ClientThread(const ClientConfig& config, const std::string& user_agent,
                           const Make& make, std::function<void()> hear)
    : hear_(std::move(hear)),
      connection_(std::make_unique<Connection>(config, user_agent, make, stop_bell_.fd())),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

ClientThread::~ClientThread() = default;

void ClientThread::call() { call_bell_.ring(); }

core::ObjectChanges ClientThread::take() {
  bell_.silence();
  const std::lock_guard lock(mutex_);
  // Of what was given: a list that became whole since then has objects that wait to be taken.
  given_whole_ = synced_;
  return std::exchange(changes_, {});
}

std::vector<Problem> ClientThread::problems() const {
  const std::lock_guard lock(mutex_);
  return problems_;
}

std::string ClientThread::cluster_uid() const {
  const std::lock_guard lock(mutex_);
  return cluster_uid_;
}

ApiServer ClientThread::api_server() const {
  const std::lock_guard lock(mutex_);
  return api_server_;
}

void ClientThread::run(const std::stop_token& stop) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  const std::stop_callback wake(stop, [this] {
    stop_bell_.ring();
    call_bell_.ring();
  });
  while (!stop.stop_requested()) {
    if (call_bell_.silence() && hear_) hear_();
    connection_->client().step();
    publish();
    connection_->wait(call_bell_.fd());
  }
  say_farewell();
  // Here, where SIGPIPE is blocked: TLS says good-bye on connections that may be gone.
  connection_.reset();
}

// Who leads gives it back, so that nobody has to wait until it is missed.
void ClientThread::say_farewell() {
  const os::Time deadline = os::Time::clock::now() + farewell_limit;
  connection_->client().resign();
  while (os::Time::clock::now() < deadline) {
    connection_->client().step();
    if (connection_->client().resigned()) return;
    connection_->wait(-1, deadline);
  }
}

void ClientThread::publish() {
  auto problems = connection_->new_problems();
  const bool synced = connection_->client().synced();
  std::string cluster_uid = connection_->client().cluster_uid();
  {
    const std::lock_guard lock(mutex_);
    const ApiServer server = connection_->client().api_server();
    const bool agreed = server.slot_layout != api_server_.slot_layout;
    api_server_ = server;  // of the rest there is no news: whoever is asked looks
    const bool news = connection_->client().move_changes(changes_);
    if (!news && !agreed && !problems && synced == synced_ && cluster_uid == cluster_uid_) return;
    synced_ = synced;
    cluster_uid_ = std::move(cluster_uid);
    if (problems) problems_ = *std::move(problems);
  }
  bell_.ring();
}

}  // namespace kube
