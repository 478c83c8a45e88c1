#include "kube/cluster.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "kube/credentials.hpp"
#include "kube/fd.hpp"
#include "kube/http.hpp"
#include "kube/reflector.hpp"

namespace kube {
namespace {

using namespace std::chrono_literals;

constexpr auto plugin_limit = 60s;

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

std::vector<Resource> resources() {
  return {
      {"smartnat.aureacentral.com", "v1alpha1", "mappings", "", "", ""},
      {"", "v1", "services", "", "", ""},
      // Slices that belong to no Service lead nowhere.
      {"discovery.k8s.io", "v1", "endpointslices", "kubernetes.io/service-name", "", ""},
  };
}

// What the thread works with, and nobody else.
class Client {
 public:
  Client(ClusterOptions options, int stop_fd)
      : clock_(system_clock()),
        prefix_(options.config.context + "/"),
        stop_fd_(stop_fd),
        credentials_(std::move(options.config), clock_, plugin_limit, stop_fd),
        http_(open_http(credentials_, clock_, {std::move(options.user_agent)})) {
    const DecodeOptions decoding{options.max_ports_per_mapping};
    const auto reduce = [decoding](const Node& node) { return decode(node, decoding); };
    for (Resource& resource : resources()) {
      reflectors_.push_back(
          std::make_unique<Reflector>(std::move(resource), *http_, clock_, reduce));
    }
  }

  void step() {
    for (const Arrival& arrival : http_->take()) {
      for (const auto& reflector : reflectors_) {
        if (reflector->take(arrival)) break;
      }
    }
    for (const auto& reflector : reflectors_) reflector->step();
  }

  void wait() {
    Time due = http_->due();
    for (const auto& reflector : reflectors_) due = std::min(due, reflector->due());
    const auto left = due <= clock_.now()
                          ? 0ms
                          : std::min(std::chrono::ceil<std::chrono::milliseconds>(
                                         std::min(due - clock_.now(), Time::duration(1h))),
                                     std::chrono::milliseconds(1h));
    std::array<pollfd, 2> fds = {pollfd{http_->fd(), POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0}};
    poll(fds.data(), fds.size(), static_cast<int>(left.count()));
  }

  [[nodiscard]] bool synced() const {
    return std::all_of(reflectors_.begin(), reflectors_.end(),
                       [](const auto& reflector) { return reflector->synced(); });
  }

  bool move_changes(core::ObjectChanges& into) {
    bool any = false;
    for (const auto& reflector : reflectors_) {
      for (auto& [id, object] : reflector->cache().take()) {
        into.insert_or_assign(id, std::move(object));
        any = true;
      }
    }
    return any;
  }

  // Nothing while they are as the last time.
  std::optional<std::vector<Problem>> new_problems() {
    std::vector<std::string> state = credentials_.problems();
    for (const auto& reflector : reflectors_) {
      state.push_back(reflector->trouble());
      state.push_back(std::to_string(reflector->cache().problems_revision()));
    }
    if (state == told_) return std::nullopt;
    told_ = std::move(state);
    std::vector<Problem> problems;
    for (const std::string& problem : credentials_.problems()) {
      problems.push_back({prefix_ + "credentials", problem});
    }
    for (const auto& reflector : reflectors_) {
      if (!reflector->trouble().empty()) {
        problems.push_back({prefix_ + reflector->resource().plural,
                            reflector->trouble() +
                                (reflector->synced() ? "; what is known stays in effect" : "")});
      }
      reflector->cache().add_problems(prefix_, problems);
    }
    std::sort(problems.begin(), problems.end());
    return problems;
  }

 private:
  Clock clock_;
  std::string prefix_;
  int stop_fd_;
  Credentials credentials_;
  std::unique_ptr<Http> http_;
  std::vector<std::unique_ptr<Reflector>> reflectors_;
  std::vector<std::string> told_;
};

class ClusterSource : public Source {
 public:
  explicit ClusterSource(ClusterOptions options)
      : bell_(open_bell()),
        stop_bell_(open_bell()),
        client_(std::make_unique<Client>(std::move(options), stop_bell_.get())),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  [[nodiscard]] int wake_fd() const override { return bell_.get(); }

  core::ObjectChanges take() override {
    silence(bell_);
    const std::lock_guard lock(mutex_);
    return std::exchange(changes_, {});
  }
  [[nodiscard]] bool synced() const override {
    const std::lock_guard lock(mutex_);
    return synced_;
  }
  [[nodiscard]] std::vector<Problem> problems() const override {
    const std::lock_guard lock(mutex_);
    return problems_;
  }
  [[nodiscard]] std::size_t ignored() const override { return 0; }

 private:
  void run(const std::stop_token& stop) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    const std::stop_callback wake(stop, [this] { ring(stop_bell_); });
    while (!stop.stop_requested()) {
      client_->step();
      publish();
      client_->wait();
    }
    // Here, where SIGPIPE is blocked: TLS says good-bye on connections that may be gone.
    client_.reset();
  }

  void publish() {
    auto problems = client_->new_problems();
    const bool synced = client_->synced();
    {
      const std::lock_guard lock(mutex_);
      const bool news = client_->move_changes(changes_);
      if (!news && !problems && synced == synced_) return;
      synced_ = synced;
      if (problems) problems_ = *std::move(problems);
    }
    ring(bell_);
  }

  Fd bell_;
  Fd stop_bell_;
  std::unique_ptr<Client> client_;
  mutable std::mutex mutex_;
  core::ObjectChanges changes_;
  std::vector<Problem> problems_;
  bool synced_ = false;
  std::jthread thread_;  // goes first: it uses the rest
};

}  // namespace

std::unique_ptr<Source> open_cluster(ClusterOptions options) {
  return std::make_unique<ClusterSource>(std::move(options));
}

}  // namespace kube
