#include "cmd/nat/run.hpp"

#include <net/if.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "cmd/nat/connection_log.hpp"
#include "cmd/nat/loop.hpp"
#include "cmd/nat/status.hpp"
#include "cmd/serve/desk.hpp"
#include "cmd/serve/health_board.hpp"
#include "cmd/serve/http_service.hpp"
#include "cmd/version.hpp"
#include "core/egress/tunnels.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "kube/api/watch_source.hpp"
#include "kube/decode/egress_labels.hpp"
#include "kube/source/manifest_source.hpp"
#include "net/probe_socket.hpp"
#include "os/listen.hpp"
#include "os/notify.hpp"
#include "os/signals.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using os::Time;

constexpr std::chrono::milliseconds patience = 5s;
constexpr std::chrono::milliseconds drain_pace = 500ms;
constexpr std::chrono::milliseconds longest_wait = 1h;
// Without a packet for so long, what is not a connection (UDP) is over.
constexpr auto silence = 5s;

constexpr kube::Kinds nat_kinds = {core::Kind::egress, core::Kind::pod, core::Kind::egress_clients};

std::unique_ptr<kube::Source> open_source(const NatOptions& options) {
  if (!options.service.manifests.empty()) {
    return kube::open_manifests({.directory = options.service.manifests, .kinds = nat_kinds});
  }
  const kube::ClientConfig config = load_client(options.service);
  const core::ObjectName& egress = options.settings.egress;
  // Its own Egress and the lists of its own clients: nothing else of the cluster.
  return kube::open_watch(
      config, "pona/" + std::string(version_number()) + " (nat)",
      {{.group = "pona.cybozu.com",
        .version = "v1",
        .plural = "egresses",
        .label_selector = "",
        .field_selector = "metadata.name=" + egress.name,
        .ns = egress.ns},
       {.group = "discovery.k8s.io",
        .version = "v1",
        .plural = "endpointslices",
        .label_selector = std::string(kube::clients_of_label) + "=" + egress.name,
        .field_selector = "",
        .ns = egress.ns}},
      {.served = true, .node = "", .kinds = nat_kinds});
}

class Nat {
 public:
  Nat(const NatOptions& options, os::Fd signals)
      : options_(options),
        signals_(std::move(signals)),
        clock_(os::system_clock()),
        kernel_(net::open_kernel(core::nat_scope(), true)),
        source_(open_source(options)),
        loop_(*kernel_, *source_, options.settings, options.service.resync, clock_),
        service_(listen(options), [this](std::string_view path) { return serve(path); }) {
    for (const core::Address& address : options.settings.addresses) {
      if (options.probe_port != 0) probes_.emplace_back(address.family(), options.probe_port);
    }
    if (options.nat_log) nat_log_.emplace();
  }

  void run() {
    while (!done()) {
      health_.begin(clock_.now());
      const Time due = std::min(loop_.step(), drain_step());
      health_.post(ready(), troubles());
      if (!told_ready_ && ready()) {
        told_ready_ = true;
        os::notify_service_manager("READY=1");
        log::info("ready: the clients that are known are in place",
                  {{"clients", std::to_string(loop_.plan().clients().size())}});
      }
      wait(due);
    }
  }

 private:
  static std::vector<os::Fd> listen(const NatOptions& options) {
    std::vector<os::Fd> listeners;
    for (const std::uint16_t port : {options.service.metrics_port, options.service.health_port}) {
      const bool twice = !listeners.empty() && port == options.service.metrics_port;
      if (port != 0 && !twice)
        listeners.push_back(os::listen_tcp(options.service.listen, port, listen_advice));
    }
    return listeners;
  }

  [[nodiscard]] bool draining() const { return drain_until_.has_value(); }
  [[nodiscard]] bool ready() const { return loop_.ready() && !draining(); }
  [[nodiscard]] bool done() const { return stopped_; }
  [[nodiscard]] std::vector<std::string> troubles() const {
    std::vector<std::string> troubles = loop_.troubles();
    if (draining()) troubles.emplace_back("it drains: what it carries may end, nothing new comes");
    return troubles;
  }

  // In the HTTP thread.
  HttpAnswer serve(std::string_view path) {
    if (path == "/healthz" || path == "/readyz") return health_.answer(path == "/readyz");
    if (path == "/metrics" || path == "/status") return desk_.ask(path, patience);
    return {404, HttpAnswer().type, "served: /healthz /readyz /metrics /status\n"};
  }

  HttpAnswer make_answer(std::string_view path) {
    try {
      const NatStatus status = collect(loop_, draining());
      if (path == "/metrics") {
        return {200, "text/plain; version=0.0.4; charset=utf-8", to_metrics(status)};
      }
      return {200, "application/json", to_json(status)};
    } catch (const core::Error& error) {
      return {503, HttpAnswer().type, error.what() + std::string("\n")};
    }
  }

  void wait(Time due) {
    // After a failure the kernel's descriptor may stay readable.
    const bool deaf = loop_.failing();
    std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0},
                               {desk_.fd(), POLLIN, 0},
                               {source_->wake_fd(), POLLIN, 0},
                               {deaf ? -1 : kernel_->event_fd(), POLLIN, 0},
                               {nat_log_ ? nat_log_->fd() : -1, POLLIN, 0}};
    for (const ProbeSocket& probe : probes_) fds.push_back({probe.fd(), POLLIN, 0});
    for (;;) {
      const Time now = clock_.now();
      if (now >= due || done()) return;
      const auto left = std::min<std::chrono::milliseconds>(
          std::chrono::ceil<std::chrono::milliseconds>(due - now), deaf ? 50ms : longest_wait);
      if (poll(fds.data(), fds.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
        throw core::Error(core::Error::Kind::permanent,
                          std::string("cannot wait for events: ") + std::strerror(errno));
      }
      if (fds[0].revents != 0) take_signals();
      if (fds[1].revents != 0) {
        desk_.serve([this](std::string_view path) { return make_answer(path); });
      }
      if (nat_log_ && fds[4].revents != 0) nat_log_->write(loop_.plan());
      for (std::size_t i = 0; i < probes_.size(); ++i) {
        if (fds[5 + i].revents != 0) answer_probes(probes_[i]);
      }
      if (deaf || fds[0].revents != 0 || fds[2].revents != 0 || fds[3].revents != 0) return;
    }
  }

  void answer_probes(ProbeSocket& socket) {
    while (const auto received = socket.receive()) {
      if (received->probe.answer) continue;
      Probe answer = received->probe;
      answer.answer = true;
      answer.draining = draining();
      if (const auto* const owners = loop_.owners(received->from)) {
        for (const auto& owner : *owners) {
          answer.known = answer.known || hash_uid(owner.uid) == received->probe.client;
        }
      }
      // What came through a tunnel goes back through it.
      char name[IF_NAMESIZE] = "";
      if_indextoname(received->interface, name);
      socket.send(answer, received->from, received->port, &received->to,
                  core::is_tunnel_name(name));
    }
  }

  void take_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGHUP) {
        log::info("SIGHUP: comparing everything with the kernel");
        loop_.resync();
      } else if (draining()) {
        log::info("told to stop once more: at once");
        stopped_ = true;
      } else {
        begin_drain();
      }
    }
  }

  void begin_drain() {
    const core::Egress* const egress = loop_.plan().egress();
    const auto limit = options_.drain.value_or(
        std::chrono::seconds(egress == nullptr ? 0 : egress->drain_seconds));
    drain_until_ = clock_.now() + limit;
    last_packet_ = clock_.now();
    if (!loop_.serving()) stopped_ = true;
    log::info("draining: no longer ready; connections may end",
              {{"limit", std::to_string(limit.count()) + "s"}});
  }

  // When it is to be called next.
  Time drain_step() {
    if (!draining() || stopped_) return Time::max();
    const Time now = clock_.now();
    std::size_t open = 0;
    try {
      open = open_connections(loop_);
      const std::uint64_t packets = packets_of_clients(loop_);
      if (std::exchange(packets_, packets) != packets) last_packet_ = now;
    } catch (const core::Error& error) {
      log::warning("cannot count connections", {{"error", error.what()}});
    }
    const bool idle = open == 0 && now - last_packet_ >= silence;
    if (idle || now >= *drain_until_) {
      log::info(idle ? "drained" : "the time to drain is over",
                {{"open connections", std::to_string(open)}});
      stopped_ = true;
    }
    return now + drain_pace;
  }

  const NatOptions& options_;
  os::Fd signals_;
  os::Clock clock_;
  std::unique_ptr<net::Kernel> kernel_;
  std::unique_ptr<kube::Source> source_;
  NatLoop loop_;
  Desk desk_;
  HealthBoard health_;
  std::vector<ProbeSocket> probes_;
  std::optional<NatLog> nat_log_;
  std::optional<Time> drain_until_;
  Time last_packet_{};
  std::uint64_t packets_ = 0;
  bool told_ready_ = false;
  bool stopped_ = false;
  HttpService service_;  // goes first: it asks the rest
};

// Everything that would be done, once the objects are complete.
int preview(const NatOptions& options) {
  const auto kernel = net::open_kernel(core::nat_scope(), false);
  const auto source = open_source(options);
  core::NatPlan plan(options.settings);
  plan.update(kernel->host());
  const Time limit = Time::clock::now() + 15s;
  for (;;) {
    plan.update(source->take());
    if (source->synced()) break;
    if (Time::clock::now() >= limit) {
      throw core::Error(core::Error::Kind::transient, "the objects did not come within 15 seconds");
    }
    pollfd fd{source->wake_fd(), POLLIN, 0};
    poll(&fd, 1, 100);
  }
  const core::Changes changes = core::diff(kernel->observe(plan.state()), plan.state());
  for (const std::string& line : core::to_text(changes, 8, core::constants::nat_table)) {
    std::cout << line << '\n';
  }
  return 0;
}

}  // namespace

int run_nat(const NatOptions& options) {
  log::start(options.service.log_format, options.service.log_level);
  if (options.dry_run) return preview(options);
  log::info("pona nat starts", {{"version", std::string(version_number())},
                                {"egress", to_string(options.settings.egress)}});
  os::Fd signals = os::catch_signals();
  Nat(options, std::move(signals)).run();
  os::notify_service_manager("STOPPING=1");
  log::info("pona nat stops; what it made stays with the pod's network namespace");
  return 0;
}

}  // namespace cmd
