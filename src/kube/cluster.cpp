#include "kube/cluster.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "kube/cluster_client.hpp"
#include "kube/credentials.hpp"
#include "kube/fd.hpp"
#include "kube/http.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

constexpr auto plugin_limit = 60s;
constexpr auto farewell_limit = 2s;

Fd open_bell() {
  Fd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd.get() >= 0) return fd;
  throw core::Error(core::Error::Kind::transient,
                    std::string("cannot make an eventfd: ") + std::strerror(errno));
}

void ring(const Fd& bell) {
  const std::uint64_t one = 1;
  static_cast<void>(!write(bell.get(), &one, sizeof one));  // full: it is ringing already
}

void silence(const Fd& bell) {
  std::uint64_t rings = 0;
  static_cast<void>(!read(bell.get(), &rings, sizeof rings));
}

// Another one for each process, as who restarts must not take itself for who was there before.
std::string identity_of(const std::string& instance) {
  std::random_device random;
  char suffix[20];
  std::snprintf(suffix, sizeof suffix, "_%08x%08x", random(), random());
  return instance + suffix;
}

// What the thread works with, and nobody else.
class Connection {
 public:
  Connection(const ClusterOptions& options, int stop_fd)
      : clock_(system_clock()),
        credentials_(options.config, clock_, plugin_limit, stop_fd),
        http_(open_http(credentials_, clock_, {options.user_agent})),
        client_(*http_, clock_,
                {options.config.context, options.max_ports_per_mapping, options.node,
                 options.instance, options.ns, identity_of(options.instance)}) {}

  // Until something is to be done, or the bell rings.
  void wait(int bell, Time due = Time::max()) {
    due = std::min({due, http_->due(), client_.due()});
    const auto left = due <= clock_.now()
                          ? 0ms
                          : std::min(std::chrono::ceil<std::chrono::milliseconds>(
                                         std::min(due - clock_.now(), Time::duration(1h))),
                                     std::chrono::milliseconds(1h));
    std::array<pollfd, 2> fds = {pollfd{http_->fd(), POLLIN, 0}, pollfd{bell, POLLIN, 0}};
    poll(fds.data(), fds.size(), static_cast<int>(left.count()));
  }

  std::optional<std::vector<Problem>> new_problems() {
    return client_.new_problems(credentials_.problems());
  }
  ClusterClient& client() { return client_; }

 private:
  Clock clock_;
  Credentials credentials_;
  std::unique_ptr<Http> http_;
  ClusterClient client_;
};

class ClusterSource : public Source {
 public:
  explicit ClusterSource(const ClusterOptions& options)
      : bell_(open_bell()),
        stop_bell_(open_bell()),
        report_bell_(open_bell()),
        listens_(!options.instance.empty()),
        connection_(std::make_unique<Connection>(options, stop_bell_.get())),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  [[nodiscard]] int wake_fd() const override { return bell_.get(); }

  core::ObjectChanges take() override {
    silence(bell_);
    const std::lock_guard lock(mutex_);
    given_whole_ = synced_;
    return std::exchange(changes_, {});
  }
  // Of what was given: a list that became whole since then has objects that wait to be taken.
  [[nodiscard]] bool synced() const override { return given_whole_; }
  [[nodiscard]] std::vector<Problem> problems() const override {
    const std::lock_guard lock(mutex_);
    return problems_;
  }
  [[nodiscard]] std::size_t ignored() const override { return 0; }

  [[nodiscard]] bool listens() const override { return listens_; }
  void report(const core::PlannedMappings& planned) override {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, status] : planned) planned_.insert_or_assign(name, status);
    }
    ring(report_bell_);
  }

 private:
  void run(const std::stop_token& stop) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    const std::stop_callback wake(stop, [this] {
      ring(stop_bell_);
      ring(report_bell_);
    });
    while (!stop.stop_requested()) {
      hear();
      connection_->client().step();
      publish();
      connection_->wait(report_bell_.get());
    }
    say_farewell();
    // Here, where SIGPIPE is blocked: TLS says good-bye on connections that may be gone.
    connection_.reset();
  }

  void hear() {
    silence(report_bell_);
    core::PlannedMappings planned;
    {
      const std::lock_guard lock(mutex_);
      planned.swap(planned_);
    }
    if (!planned.empty()) connection_->client().report(planned);
  }

  // Who leads gives it back, so that nobody has to wait until it is missed.
  void say_farewell() {
    const Time deadline = Time::clock::now() + farewell_limit;
    connection_->client().resign();
    while (Time::clock::now() < deadline) {
      connection_->client().step();
      if (connection_->client().resigned()) return;
      connection_->wait(-1, deadline);
    }
  }

  void publish() {
    auto problems = connection_->new_problems();
    const bool synced = connection_->client().synced();
    {
      const std::lock_guard lock(mutex_);
      const bool news = connection_->client().move_changes(changes_);
      if (!news && !problems && synced == synced_) return;
      synced_ = synced;
      if (problems) problems_ = *std::move(problems);
    }
    ring(bell_);
  }

  Fd bell_;
  Fd stop_bell_;    // whoever waits for a plugin gives up
  Fd report_bell_;  // the thread has something to hear
  bool listens_;
  std::unique_ptr<Connection> connection_;
  mutable std::mutex mutex_;
  core::ObjectChanges changes_;
  core::PlannedMappings planned_;
  std::vector<Problem> problems_;
  bool synced_ = false;
  bool given_whole_ = false;  // the owner's alone
  std::jthread thread_;       // goes first: it uses the rest
};

}  // namespace

std::unique_ptr<Source> open_cluster(const ClusterOptions& options) {
  return std::make_unique<ClusterSource>(options);
}

}  // namespace kube
