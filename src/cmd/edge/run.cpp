#include "cmd/edge/run.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "cmd/edge/collect_status.hpp"
#include "cmd/edge/edge_board.hpp"
#include "cmd/edge/edge_monitor.hpp"
#include "cmd/edge/loop.hpp"
#include "cmd/edge/source.hpp"
#include "cmd/version.hpp"
#include "core/error.hpp"
#include "os/fd.hpp"
#include "os/listen.hpp"
#include "os/notify.hpp"
#include "os/signals.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using Time = os::Time;

class Edge {
 public:
  Edge(const EdgeOptions& options, net::Kernel& kernel, kube::Source& source, EdgeBoard& board,
       os::Fd signals)
      : kernel_(kernel),
        source_(source),
        board_(board),
        signals_(std::move(signals)),
        clock_(os::system_clock()),
        started_(clock_.unix_seconds()),
        watchdog_(os::watchdog_interval()),
        loop_(kernel, source, options.settings, options.resync, clock_) {}

  void run() {
    while (!stopped_) {
      const Time due = step();
      wait(due);
    }
  }

 private:
  Time step() {
    EdgeHealth busy = loop_.health();
    busy.busy_since = clock_.now();
    board_.post(busy);
    const Time due = loop_.step();
    board_.post(loop_.health());
    if (!ready_ && loop_.health().last_sync != 0) {
      ready_ = true;
      os::notify_service_manager("READY=1");
      log::info("ready: the kernel is as planned");
    }
    return due;
  }

  // Until something is to be done by the loop; requests are answered meanwhile.
  void wait(Time due) {
    // After a failure the descriptors may stay readable: look a little later.
    const Time deaf_until =
        loop_.health().trouble.empty() ? Time{} : std::min(due, clock_.now() + 50ms);
    while (!stopped_) {
      feed_watchdog();
      const Time now = clock_.now();
      if (now >= due) return;
      const bool deaf = now < deaf_until;
      std::array<pollfd, 4> fds = {pollfd{signals_.get(), POLLIN, 0},
                                   pollfd{board_.wanted_fd(), POLLIN, 0},
                                   pollfd{deaf ? -1 : kernel_.event_fd(), POLLIN, 0},
                                   pollfd{deaf ? -1 : source_.wake_fd(), POLLIN, 0}};
      const Time until = deaf ? deaf_until : due;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
      const auto longest = watchdog_ ? *watchdog_ / 2 : std::chrono::milliseconds(1h);
      if (poll(fds.data(), fds.size(), static_cast<int>(std::min(left, longest).count())) < 0 &&
          errno != EINTR) {
        throw core::Error(core::Error::Kind::permanent,
                          std::string("cannot wait for events: ") + std::strerror(errno));
      }
      if (fds[0].revents != 0 && take_signals()) return;
      if (fds[2].revents != 0 || fds[3].revents != 0) return;
      if (fds[1].revents != 0 && board_.take_wish()) publish();
    }
  }

  // True: the loop has something to do.
  bool take_signals() {
    bool resync = false;
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGHUP) {
        log::info("SIGHUP: comparing everything with the kernel");
        loop_.resync();
        resync = true;
      } else {
        stopped_ = true;
      }
    }
    return resync;
  }

  void feed_watchdog() {
    if (!watchdog_ || clock_.now() < next_feed_) return;
    next_feed_ = clock_.now() + *watchdog_ / 2;
    os::notify_service_manager("WATCHDOG=1");
  }

  void publish() {
    const Time begun = clock_.now();
    auto status = std::make_shared<EdgeStatus>(collect(loop_.plan(), source_, kernel_));
    const EdgeVerdict verdict = judge(loop_.health(), clock_.now());
    ProcessStatus process;
    process.pid = getpid();
    process.version = version_number();
    process.commit = version_commit();
    process.started = started_;
    process.last_sync = loop_.health().last_sync;
    process.stale_since = loop_.health().stale_since.value_or(0);
    process.healthy = verdict.healthy;
    process.ready = verdict.ready;
    process.troubles = verdict.troubles;
    process.statistics = loop_.statistics();
    status->process = std::move(process);
    board_.post(std::move(status), clock_.now());
    const auto took = std::chrono::ceil<std::chrono::milliseconds>(clock_.now() - begun);
    log::debug("made a status", {{"took", std::to_string(took.count()) + "ms"}});
  }

  net::Kernel& kernel_;
  kube::Source& source_;
  EdgeBoard& board_;
  os::Fd signals_;
  os::Clock clock_;
  std::int64_t started_;
  std::optional<std::chrono::milliseconds> watchdog_;
  EdgeLoop loop_;
  Time next_feed_{};
  bool ready_ = false;
  bool stopped_ = false;
};

}  // namespace

int run_edge(const ResolvedOptions& resolved) {
  const EdgeOptions& options = resolved.options;
  log::start(options.log_format, options.log_level);
  for (const std::string& note : resolved.notes) log::warning(note);
  for (const EffectiveOption& option : resolved.effective) {
    log::debug(
        "option",
        {{"name", std::string(option.name)}, {"value", option.text}, {"origin", option.origin}});
  }
  log::info("pona edge starts",
            {{"version", std::string(version_number())}, {"objects", describe_source(options)}});

  os::Fd signals = os::catch_signals();
  std::vector<os::Fd> listeners;
  listeners.push_back(os::listen_unix(options.socket, "pona edge", 0660));
  const os::SocketFile socket_file(options.socket);
  const core::EdgeSettings& settings = options.settings;
  if (settings.monitor_port != 0) {
    listeners.push_back(os::listen_tcp(settings.monitor_address, settings.monitor_port));
  }
  const auto kernel = net::open_kernel(core::edge_scope(), true);
  const auto source =
      open_source(options, Purpose::serve, [](const std::string& text) { log::warning(text); });
  EdgeBoard board;
  const EdgeMonitor monitor(board, listeners);
  Edge(options, *kernel, *source, board, std::move(signals)).run();

  os::notify_service_manager("STOPPING=1");
  log::info(
      "pona edge stops; the data plane stays in place and keeps forwarding as it was planned last "
      "(\"pona edge cleanup\" removes it)");
  return 0;
}

}  // namespace cmd
