#include "cmd/edge/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "cmd/edge/claim_memory.hpp"
#include "cmd/edge/collect_status.hpp"
#include "cmd/edge/loop.hpp"
#include "cmd/edge/pages.hpp"
#include "cmd/edge/port_counting.hpp"
#include "cmd/edge/source.hpp"
#include "cmd/serve/http_server.hpp"
#include "cmd/serve/poll_loop.hpp"
#include "cmd/serve/start.hpp"
#include "cmd/version.hpp"
#include "net/listeners.hpp"
#include "os/listen.hpp"

namespace cmd {
namespace {

using Then = PollLoop::Then;

constexpr std::size_t longest_status = 400;  // letters, about: one line of systemctl status

class Edge {
 public:
  Edge(const EdgeOptions& options, PollLoop& poll, const std::vector<os::Fd>& listeners,
       net::Kernel& kernel, kube::Source& source)
      : clock_(os::system_clock()),
        started_(clock_.unix_seconds()),
        loop_(kernel, source, options.settings, options.resync, clock_, options.address_hold,
              net::read_listeners, [this](std::uint32_t least) { return counting_.ask(least); }),
        poll_(poll),
        claims_(claims_file(options), clock_),
        diag_({"--socket", options.socket}),
        server_(listeners,
                edge_pages(
                    health_, [this] { return make_status(); },
                    [this](const core::ForwardKey& key) {
                      EdgeStatus status = collect_about(loop_.plan(), key);
                      status.process = process_status();
                      return status;
                    },
                    diag_),
                {.connections = options.monitor_connections}) {
    loop_.remember(claims_.recall());
    poll_.on_resync([this] { loop_.resync(); });
    poll_.watch(
        Then::wait, [this] { return server_.fd(); }, [this] { server_.read_wanted(); });
    poll_.watch(
        Then::wait, [this] { return diag_.fd(); }, [this] { diag_.take(); });
    poll_.watch(Then::step, [this] { return loop_.kernel().event_fd(); });
    poll_.watch(Then::step, [this] { return loop_.source().wake_fd(); });
  }

  void run() {
    poll_.run([this] { return step(); });
  }

 private:
  PollLoop::Next step() {
    EdgeHealth busy = loop_.health();
    busy.busy_since = clock_.now();
    health_.post(busy);
    os::Time due = loop_.step();
    // Half of the objects is not worth a file.
    if (loop_.source().synced()) due = std::min(due, claims_.save(loop_.plan()));
    health_.post(loop_.health());
    poll_.tell_ready(loop_.health().last_sync != 0, "ready: the kernel is as planned");
    poll_.tell_status(status_line());
    return {due, !loop_.health().trouble.empty()};
  }

  std::string status_line() const {
    const EdgeVerdict verdict = judge(loop_.health(), clock_.now());
    std::string line = verdict.ready ? "serving" : "waiting";
    for (const std::string& trouble : verdict.troubles) line += "; " + trouble;
    if (!loop_.health().synced) {
      for (const kube::Problem& problem : loop_.source().problems()) {
        line += "; " + problem.where + ": " + problem.reason;
        if (line.size() > longest_status) break;
      }
    }
    return line;
  }

  ProcessStatus process_status() {
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
    if (const auto server = loop_.source().api_server()) {
      process.api_server_reachable = server->reachable;
      process.leading = server->leading;
    }
    return process;
  }

  std::shared_ptr<const EdgeStatus> make_status() {
    const os::Time begun = clock_.now();
    auto status =
        std::make_shared<EdgeStatus>(collect(loop_.plan(), loop_.source(), loop_.kernel()));
    std::ranges::move(loop_.host_warnings(), std::back_inserter(status->warnings));
    status->obstacles = loop_.health().obstacles.size();
    for (const core::PortUse& one : loop_.port_use()) {
      const core::Backend endpoint{one.pair.endpoint, {one.pair.port, one.pair.port}};
      status->source_ports.push_back({to_string(endpoint),
                                      std::string(to_string(one.pair.protocol)),
                                      to_string(one.pair.source), one.used, core::source_ports});
    }
    status->process = process_status();
    const auto took = std::chrono::ceil<std::chrono::milliseconds>(clock_.now() - begun);
    log::debug("made a status", {{"took", std::to_string(took.count()) + "ms"}});
    return status;
  }

  os::Clock clock_;
  std::int64_t started_;
  PortCounting counting_;
  EdgeLoop loop_;
  PollLoop& poll_;
  Latest<EdgeHealth> health_;
  ClaimMemory claims_;
  DiagAnswers diag_;
  HttpServer server_;  // goes first: it asks the rest
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
  log_start("edge", {{"objects", describe_source(options)}, {"because", source_origin(resolved)}});

  PollLoop poll(os::system_clock());
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
  Edge(options, poll, listeners, *kernel, *source).run();
  log::info(
      "pona edge stops; the data plane stays in place and keeps forwarding as it was planned last "
      "(\"pona edge cleanup\" removes it)");
  return 0;
}

}  // namespace cmd
