#include "cmd/nat/run.hpp"

#include <poll.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "cmd/nat/answer_probes.hpp"
#include "cmd/nat/connection_log.hpp"
#include "cmd/nat/known_clients.hpp"
#include "cmd/nat/loop.hpp"
#include "cmd/nat/status.hpp"
#include "cmd/nat/watch_drain.hpp"
#include "cmd/print.hpp"
#include "cmd/serve/health.hpp"
#include "cmd/serve/http_server.hpp"
#include "cmd/serve/poll_loop.hpp"
#include "cmd/serve/start.hpp"
#include "cmd/version.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "core/state/text.hpp"
#include "kube/api/watch_source.hpp"
#include "kube/decode/egress_labels.hpp"
#include "kube/source/manifest_source.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using os::Time;
using Then = PollLoop::Then;

// Without a packet for so long, what is not a connection (UDP) is over.
constexpr auto silence = 5s;

constexpr kube::Kinds nat_kinds = {core::Kind::egress, core::Kind::pod, core::Kind::egress_clients};

std::unique_ptr<kube::Source> open_source(const NatOptions& options) {
  if (!options.service.manifests.empty()) {
    return kube::open_manifests({.directory = options.service.manifests, .kinds = nat_kinds});
  }
  kube::ClientConfig config = load_client(options.service);
  // Its role is that of its own namespace: it may not ask unless somebody allowed it.
  config.trust.identify = !config.trust.cluster_uid.empty();
  const core::ObjectName& egress = options.settings.egress;
  // Its own Egress and the lists of its own clients: nothing else of the cluster.
  return kube::open_watch(
      config, user_agent("nat"),
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
  Nat(const NatOptions& options, PollLoop& poll)
      : options_(options),
        poll_(poll),
        clock_(os::system_clock()),
        kernel_(net::open_kernel(core::nat_scope(), true)),
        source_(open_source(options)),
        loop_(*kernel_, *source_, options.settings, options.service.resync, clock_),
        server_(listen(options.service), pages(),
                {.connections = options.service.monitor_connections}) {
    poll_.on_resync([this] { loop_.resync(); });
    poll_.on_stop([this] { told_to_stop(); });
    poll_.watch(
        Then::wait, [this] { return server_.fd(); }, [this] { server_.read_wanted(); });
    poll_.watch(Then::step, [this] { return source_->wake_fd(); });
    poll_.watch(Then::step, [this] { return kernel_->event_fd(); });
    if (options.nat_log) {
      nat_log_.emplace();
      poll_.watch(
          Then::wait, [this] { return nat_log_->fd(); }, [this] { nat_log_->write(loop_.plan()); });
    }
    poll_.watch(
        Then::step, [this] { return drain_ ? drain_->fd() : -1; }, [this] { drain_->silence(); });
    tell_clients();
    if (options.probe_port != 0) {
      probes_.emplace(options.settings.addresses, options.probe_port, known_);
    }
  }

  void run() {
    poll_.run([this] { return step(); });
  }

 private:
  PollLoop::Next step() {
    told_.busy_since = clock_.now();
    health_.post(told_);
    const Time due = std::min(loop_.step(), drain_step());
    told_ = {ready(), troubles(), std::nullopt};
    health_.post(told_);
    if (loop_.told() != told_clients_) tell_clients();
    poll_.tell_ready(ready(), "ready: the clients that are known are in place",
                     {{"clients", std::to_string(loop_.plan().clients().size())}});
    return {due, loop_.failing()};
  }

  [[nodiscard]] bool draining() const { return drain_until_.has_value(); }
  [[nodiscard]] bool ready() const { return loop_.ready() && !draining(); }
  [[nodiscard]] std::vector<std::string> troubles() const {
    std::vector<std::string> troubles = loop_.troubles();
    if (draining())
      troubles.emplace_back("draining: existing connections may finish, new ones are not accepted");
    return troubles;
  }

  void tell_clients() {
    told_clients_ = loop_.told();
    known_.post(std::make_shared<const KnownClients>(known_clients(loop_, draining())));
  }

  // The loop says what it knows, and goes on; what is counted is counted elsewhere.
  std::vector<HttpPage> pages() {
    using Text = std::string (*)(const NatStatus&);
    const auto page = [this](std::string path, Text text, const char* type) {
      return HttpPage{.path = std::move(path), .read = [=, this]() -> HttpPage::Make {
                        return [=, this, status = collect(loop_, draining())]() mutable {
                          counting_.count(status);
                          return HttpAnswer{200, text(status), type};
                        };
                      }};
    };
    std::vector<HttpPage> pages = health_pages(health_);
    pages.push_back(page("/metrics", to_metrics, metrics_type));
    pages.push_back(page("/status", to_json, json_type));
    return pages;
  }

  void told_to_stop() {
    if (draining()) {
      log::info("second stop signal: exiting immediately");
      poll_.stop();
    } else {
      begin_drain();
    }
  }

  void begin_drain() {
    const core::Egress* const egress = loop_.plan().egress();
    const auto limit = options_.drain.value_or(
        std::chrono::seconds(egress == nullptr ? 0 : egress->drain_seconds));
    drain_until_ = clock_.now() + limit;
    last_packet_ = clock_.now();
    tell_clients();
    if (!loop_.serving()) {
      poll_.stop();
    } else {
      std::vector<core::Family> families;
      for (const auto& [family, table] : loop_.plan().state().tables) families.push_back(family);
      drain_.emplace(std::move(families), known_);
    }
    log::info("draining: no longer ready; connections may end",
              {{"limit", std::to_string(limit.count()) + "s"}});
  }

  // When it is to be called next.
  Time drain_step() {
    if (!draining()) return Time::max();
    const Time now = clock_.now();
    bool idle = false;
    if (drain_) {
      if (const auto traffic = drain_->take()) {
        if (!traffic->error.empty()) {
          log::warning("cannot count connections", {{"error", traffic->error}});
        }
        if (std::exchange(packets_, traffic->packets) != traffic->packets) last_packet_ = now;
        open_ = traffic->open;
        idle = traffic->error.empty() && open_ == 0 && now - last_packet_ >= silence;
      }
    }
    if (idle || now >= *drain_until_) {
      log::info(idle ? "drained" : "the time to drain is over",
                {{"open connections", std::to_string(open_)}});
      poll_.stop();
    }
    return *drain_until_;
  }

  const NatOptions& options_;
  PollLoop& poll_;
  os::Clock clock_;
  std::unique_ptr<net::Kernel> kernel_;
  std::unique_ptr<kube::Source> source_;
  NatLoop loop_;
  LoopHealth told_;
  Latest<LoopHealth> health_;
  LatestClients known_;
  std::uint64_t told_clients_ = 0;
  NatCounting counting_;  // of the thread that makes pages
  std::optional<NatLog> nat_log_;
  std::optional<Time> drain_until_;
  Time last_packet_{};
  std::uint64_t packets_ = 0;
  std::size_t open_ = 0;
  std::optional<DrainWatch> drain_;
  std::optional<ProbeAnswers> probes_;
  HttpServer server_;  // goes first: it asks the rest
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
    print_line(std::cout, line);
  }
  return 0;
}

}  // namespace

int run_nat(const NatOptions& options) {
  log::start(options.service.log_format, options.service.log_level);
  if (options.dry_run) return preview(options);
  log_start("nat", {{"egress", to_string(options.settings.egress)}});
  PollLoop poll(os::system_clock());
  Nat(options, poll).run();
  log::info("pona nat stops; what it made stays with the pod's network namespace");
  return 0;
}

}  // namespace cmd
