#include "cmd/controller/run.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "cmd/serve/http_service.hpp"
#include "cmd/serve/log.hpp"
#include "cmd/serve/log_changes.hpp"
#include "cmd/serve/metrics_page.hpp"
#include "cmd/version.hpp"
#include "kube/api/client_thread.hpp"
#include "kube/egress/controller_client.hpp"
#include "os/clock.hpp"
#include "os/listen.hpp"
#include "os/notify.hpp"
#include "os/signals.hpp"

namespace cmd {
namespace {

// A thread that has not turned for so long hangs: leases are looked at every few seconds.
constexpr std::int64_t patience_seconds = 90;

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name.front() == '\0') return "controller";
  return name.data();
}

std::string metrics(const kube::ControllerGauges& gauges) {
  MetricsPage page("pona_controller_");
  page.metric("info", "gauge", "The program's version.");
  page.sample({{"version", version_number()}}, 1);
  page.single("leading", "gauge", "Whether this is the controller that works.",
              gauges.leading ? 1 : 0);
  page.single("synced", "gauge", "Whether all objects are known.", gauges.synced ? 1 : 0);
  page.single("egresses", "gauge", "Egresses in the cluster.", gauges.egresses);
  page.single("client_lists", "gauge", "EndpointSlices that list clients.", gauges.client_lists);
  page.single("events_dropped_total", "counter", "Events that could not be written.",
              gauges.events_dropped);
  return page.take();
}

HttpAnswer answer(std::string_view path, const kube::ControllerGauges& gauges) {
  if (path == "/metrics") {
    return {200, "text/plain; version=0.0.4; charset=utf-8", metrics(gauges)};
  }
  if (path == "/healthz") {
    const std::int64_t silent = os::system_clock().unix_seconds() - gauges.stepped;
    if (silent <= patience_seconds) return {200, HttpAnswer().type, "ok\n"};
    return {503, HttpAnswer().type, "nothing was done for " + std::to_string(silent) + " s\n"};
  }
  if (path == "/readyz") {
    if (gauges.synced) return {200, HttpAnswer().type, "ok\n"};
    return {503, HttpAnswer().type, "not all objects are known yet\n"};
  }
  return {404, HttpAnswer().type, "served: /healthz /readyz /metrics\n"};
}

std::vector<os::Fd> listen(const ServiceOptions& options) {
  std::vector<os::Fd> listeners;
  for (const std::uint16_t port : std::set{options.metrics_port, options.health_port}) {
    if (port != 0) listeners.push_back(os::listen_tcp(options.listen, port));
  }
  return listeners;
}

// What the thread complains about goes to the log, each complaint once.
void log_until_told(kube::ClientThread& thread, const kube::ControllerGauges& gauges,
                    const os::Fd& signals) {
  std::set<kube::Problem> logged;
  bool ready = false;
  bool led = false;
  for (;;) {
    static_cast<void>(thread.take());
    const std::vector<kube::Problem> problems = thread.problems();
    log_difference(
        logged, std::set(problems.begin(), problems.end()),
        [](const kube::Problem& problem) { return problem.where + ": " + problem.reason; },
        "solved");
    if (!std::exchange(ready, ready || gauges.synced) && ready) {
      os::notify_service_manager("READY=1");
      log::info("ready: all objects are known");
    }
    const bool leads = gauges.leading;
    if (std::exchange(led, leads) != leads) {
      log::info(leads ? "this controller leads now" : "this controller does not lead any more");
    }
    constexpr int period = 1000;
    std::array<pollfd, 2> fds = {pollfd{signals.get(), POLLIN, 0},
                                 pollfd{thread.wake_fd(), POLLIN, 0}};
    if (poll(fds.data(), fds.size(), period) < 0 && errno != EINTR) return;
    signalfd_siginfo info{};
    while (read(signals.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) return;
    }
  }
}

}  // namespace

int run_controller(const ControllerRunOptions& options) {
  log::start(options.service.log_format, options.service.log_level);
  const kube::ClientConfig config = load_client(options.service);
  const std::string instance = options.instance.empty() ? host_name() : options.instance;
  log::info("pona controller starts", {{"version", std::string(version_number())},
                                       {"objects", config.origin},
                                       {"instance", instance}});
  const os::Fd signals = os::catch_signals();
  kube::ControllerGauges gauges;
  gauges.stepped = os::system_clock().unix_seconds();
  const HttpService service(listen(options.service),
                            [&](std::string_view path) { return answer(path, gauges); });
  kube::ControllerOptions controller;
  controller.context = config.context;
  controller.instance = instance;
  controller.identity = kube::identity_of(instance);
  controller.ns = options.lease_ns;
  controller.workload = options.workload;
  controller.gauges = &gauges;
  kube::ClientThread thread(config, "pona/" + std::string(version_number()) + " (controller)",
                            [&](kube::Transport& transport, const os::Clock& clock) {
                              return std::make_unique<kube::ControllerClient>(transport, clock,
                                                                              controller);
                            });
  log_until_told(thread, gauges, signals);
  os::notify_service_manager("STOPPING=1");
  log::info("pona controller stops; what it made stays");
  return 0;
}

}  // namespace cmd
