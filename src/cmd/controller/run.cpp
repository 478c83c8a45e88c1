#include "cmd/controller/run.hpp"

#include <unistd.h>

#include <array>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "cmd/serve/health.hpp"
#include "cmd/serve/http_server.hpp"
#include "cmd/serve/log.hpp"
#include "cmd/serve/log_changes.hpp"
#include "cmd/serve/metrics_page.hpp"
#include "cmd/serve/poll_loop.hpp"
#include "cmd/serve/start.hpp"
#include "cmd/version.hpp"
#include "kube/api/client_thread.hpp"
#include "kube/egress/controller_client.hpp"
#include "os/clock.hpp"

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
  page.single("api_server_reachable", "gauge",
              "1 if the last request of each kind to the API server was answered.",
              gauges.reachable ? 1 : 0);
  page.single("synced", "gauge", "Whether all objects are known.", gauges.synced ? 1 : 0);
  page.single("egresses", "gauge", "Egresses in the cluster.", gauges.egresses);
  page.single("client_lists", "gauge", "EndpointSlices that list clients.", gauges.client_lists);
  page.single("events_dropped_total", "counter", "Events that could not be written.",
              gauges.events_dropped);
  return page.take();
}

// All in the HTTP thread: what the client's thread tells is there to be read.
std::vector<HttpPage> controller_pages(const kube::ControllerGauges& gauges) {
  const auto healthz = [&gauges] {
    const std::int64_t silent = os::system_clock().unix_seconds() - gauges.stepped;
    return health_answer(silent <= patience_seconds,
                         {"nothing was done for " + std::to_string(silent) + " s"});
  };
  const auto readyz = [&gauges] {
    return health_answer(gauges.synced, {"not all objects are known yet"});
  };
  const auto page = [&gauges] { return HttpAnswer{200, metrics(gauges), metrics_type}; };
  return {{.path = "/healthz", .at_once = healthz},
          {.path = "/readyz", .at_once = readyz},
          {.path = "/metrics", .at_once = page}};
}

// What the thread complains about goes to the log, each complaint once.
class ThreadLog {
 public:
  ThreadLog(kube::ClientThread& thread, const kube::ControllerGauges& gauges)
      : thread_(thread), gauges_(gauges) {}

  void write() {
    static_cast<void>(thread_.take());
    const std::vector<kube::Problem> problems = thread_.problems();
    log_difference(
        logged_, std::set(problems.begin(), problems.end()),
        [](const kube::Problem& problem) { return problem.where + ": " + problem.reason; },
        "solved");
    const bool leads = gauges_.leading;
    if (std::exchange(led_, leads) != leads) {
      log::info(leads ? "this controller leads now" : "this controller does not lead any more");
    }
  }

 private:
  kube::ClientThread& thread_;
  const kube::ControllerGauges& gauges_;
  std::set<kube::Problem> logged_;
  bool led_ = false;
};

}  // namespace

int run_controller(const ControllerRunOptions& options) {
  log::start(options.service.log_format, options.service.log_level);
  const kube::ClientConfig config = load_client(options.service);
  const std::string instance = options.instance.empty() ? host_name() : options.instance;
  log_start("controller", {{"objects", config.origin}, {"instance", instance}});
  const os::Clock clock = os::system_clock();
  PollLoop poll(clock);
  kube::ControllerGauges gauges;
  gauges.stepped = clock.unix_seconds();
  const HttpServer server(listen(options.service), controller_pages(gauges),
                          {.connections = options.service.monitor_connections});
  kube::ControllerOptions controller;
  controller.context = config.context;
  controller.trust = config.trust;
  controller.instance = instance;
  controller.identity = kube::identity_of(instance);
  controller.ns = options.lease_ns;
  controller.workload = options.workload;
  controller.gauges = &gauges;
  kube::ClientThread thread(
      config, user_agent("controller"), [&](kube::Transport& transport, const os::Clock& time) {
        return std::make_unique<kube::ControllerClient>(transport, time, controller);
      });
  ThreadLog thread_log(thread, gauges);
  poll.watch(PollLoop::Then::step, [&] { return thread.wake_fd(); });
  poll.run([&]() -> PollLoop::Next {
    thread_log.write();
    poll.tell_ready(gauges.synced, "ready: all objects are known");
    // The gauges ring no bell.
    return {clock.now() + std::chrono::seconds(1)};
  });
  log::info("pona controller stops; what it made stays");
  return 0;
}

}  // namespace cmd
