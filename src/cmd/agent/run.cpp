#include "cmd/agent/run.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "cmd/agent/namespace_events.hpp"
#include "cmd/agent/plugin_upkeep.hpp"
#include "cmd/agent/probing.hpp"
#include "cmd/agent/server.hpp"
#include "cmd/agent/status.hpp"
#include "cmd/node/agent_protocol.hpp"
#include "cmd/serve/desk.hpp"
#include "cmd/serve/health_board.hpp"
#include "cmd/serve/http_service.hpp"
#include "cmd/version.hpp"
#include "core/error.hpp"
#include "kube/source/manifest_source.hpp"
#include "os/listen.hpp"
#include "os/notify.hpp"
#include "os/signals.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using os::Time;

constexpr std::chrono::milliseconds patience = 5s;

constexpr kube::Kinds agent_kinds = {core::Kind::egress, core::Kind::pod, core::Kind::service,
                                     core::Kind::endpoint_slice};

std::string line_of(const AgentReply& reply) {
  if (reply.code == 0) return to_json(AgentAnswer{});
  return to_json(AgentAnswer{CniError{reply.code, reply.message, reply.details}});
}

struct Sources {
  std::unique_ptr<kube::Source> source;
  kube::AgentSource* cluster = nullptr;  // the same, where it is one
};

Sources open_sources(const AgentOptions& options) {
  if (!options.service.manifests.empty()) {
    return {kube::open_manifests({.directory = options.service.manifests, .kinds = agent_kinds}),
            nullptr};
  }
  auto cluster = kube::open_agent_cluster({load_client(options.service),
                                           "pona/" + std::string(version_number()) + " (agent)",
                                           options.node});
  kube::AgentSource* const told = cluster.get();
  return {std::move(cluster), told};
}

// Readable when something in the directory changed. Level: what it was is not asked.
class DirectoryBell {
 public:
  explicit DirectoryBell(const std::string& directory)
      : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    constexpr std::uint32_t what = IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM;
    if (!fd_ || inotify_add_watch(fd_.get(), directory.c_str(), what) < 0) {
      throw core::Error(core::Error::Kind::permanent,
                        "cannot watch " + directory + ": " + std::strerror(errno));
    }
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  void silence() {
    std::array<char, 4096> events;
    while (read(fd_.get(), events.data(), events.size()) > 0) {
    }
  }

 private:
  os::Fd fd_;
};

class Agent {
 public:
  Agent(const AgentOptions& options, os::Fd signals)
      : options_(options),
        signals_(std::move(signals)),
        clock_(os::system_clock()),
        bell_(options.sandboxes),
        store_(options.sandboxes),
        sources_(open_sources(options)),
        probes_(options.settings.paths, open_probe_sockets(options.probe_port), clock_),
        loop_(*sources_.source, sources_.cluster, probes_, options.settings, pass_client, clock_),
        monitors_(loop_),
        server_(
            os::listen_unix(options.socket, "pona agent", 0600),
            [this](std::string_view line, const AgentServer::Reply& reply) { serve(line, reply); },
            clock_),
        socket_file_(options.socket),
        service_(listen(options), [this](std::string_view path) { return answer(path); }) {
    list_sandboxes();
    if (options.install_cni) {
      cni_.emplace(
          AgentCniOptions{options.cni_bin,
                          options.cni_conf,
                          {.socket = options.socket, .state_directory = options.sandboxes}},
          clock_);
    }
  }

  void run() {
    while (!stopped_) {
      health_.begin(clock_.now());
      Time due = Time::max();
      if (cni_) {
        cni_->step();
        loop_.set_other_troubles(cni_->problems());
        due = cni_->due();
      }
      due = std::min(due, loop_.step());
      monitors_.follow();
      health_.post(loop_.synced(), loop_.troubles());
      if (!ready_ && loop_.synced()) {
        ready_ = true;
        os::notify_service_manager("READY=1");
        log::info("ready", {{"sandboxes", std::to_string(loop_.clients().size())}});
      }
      wait(due);
    }
  }

 private:
  static std::vector<os::Fd> listen(const AgentOptions& options) {
    std::vector<os::Fd> listeners;
    for (const std::uint16_t port :
         std::set<std::uint16_t>{options.service.metrics_port, options.service.health_port}) {
      if (port != 0)
        listeners.push_back(os::listen_tcp(options.service.listen, port, listen_advice));
    }
    return listeners;
  }

  void list_sandboxes() {
    loop_.set_sandboxes(store_.all([](const std::string& complaint) { log::warning(complaint); }));
  }

  void serve(std::string_view line, const AgentServer::Reply& reply) {
    const auto request = parse_agent_request(line);
    const auto refuse = [&](int code, const std::string& message) {
      reply(line_of({code, message, ""}));
    };
    if (!request) return refuse(cni_code::undecodable, "the agent does not understand the request");
    if (request->command == "SHOW") {
      return reply(R"({"version":1,"status":)" + status_json(loop_, options_.node) + "}");
    }
    if (request->command == "STATUS") {
      if (loop_.synced()) return reply(line_of({}));
      return refuse(cni_code::not_available, "the agent does not know the cluster's objects yet");
    }
    if (request->command == "GC") {
      list_sandboxes();
      return reply(line_of({}));
    }
    if (!request->sandbox) return refuse(cni_code::undecodable, "the request names no sandbox");
    if (request->command == "ADD") {
      loop_.add(*request->sandbox, [reply](const AgentReply& answer) { reply(line_of(answer)); });
    } else if (request->command == "DEL") {
      loop_.remove(*request->sandbox);
      reply(line_of({}));
    } else if (request->command == "CHECK") {
      reply(line_of(loop_.check(*request->sandbox)));
    } else {
      refuse(cni_code::undecodable, "the agent knows no command \"" + request->command + '"');
    }
  }

  // In the HTTP thread.
  HttpAnswer answer(std::string_view path) {
    if (path == "/healthz" || path == "/readyz") return health_.answer(path == "/readyz");
    if (path == "/metrics" || path == "/status") return desk_.ask(path, patience);
    return {404, HttpAnswer().type, "served: /healthz /readyz /metrics /status\n"};
  }

  void wait(Time due) {
    const Time now = clock_.now();
    const auto left = due <= now ? 0ms
                                 : std::min<std::chrono::milliseconds>(
                                       std::chrono::ceil<std::chrono::milliseconds>(
                                           std::min<Time::duration>(due - now, 1h)),
                                       1h);
    std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0},
                               {desk_.fd(), POLLIN, 0},
                               {sources_.source->wake_fd(), POLLIN, 0},
                               {bell_.fd(), POLLIN, 0},
                               {cni_ ? cni_->fd() : -1, POLLIN, 0},
                               {probes_.fd(), POLLIN, 0}};
    server_.add_to(fds);
    monitors_.add_to(fds);
    if (poll(fds.data(), fds.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
      throw core::Error(core::Error::Kind::permanent,
                        std::string("cannot wait for events: ") + std::strerror(errno));
    }
    if (fds[0].revents != 0) take_signals();
    if (fds[1].revents != 0) {
      desk_.serve([this](std::string_view path) -> HttpAnswer {
        if (path == "/metrics") {
          return {200, "text/plain; version=0.0.4; charset=utf-8", status_metrics(loop_)};
        }
        return {200, "application/json", status_json(loop_, options_.node) + '\n'};
      });
    }
    if (fds[3].revents != 0) {
      bell_.silence();
      list_sandboxes();
    }
    server_.take(fds);
    monitors_.take(fds);
  }

  void take_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGHUP) {
        log::info("SIGHUP: comparing everything with the kernel");
        loop_.resync();
      } else {
        stopped_ = true;
      }
    }
  }

  const AgentOptions& options_;
  os::Fd signals_;
  os::Clock clock_;
  DirectoryBell bell_;
  SandboxStore store_;
  Sources sources_;
  ProbeThread probes_;
  AgentLoop loop_;
  AgentMonitors monitors_;
  AgentServer server_;
  os::SocketFile socket_file_;
  std::optional<AgentCni> cni_;
  Desk desk_;
  HealthBoard health_;
  bool ready_ = false;
  bool stopped_ = false;
  HttpService service_;  // goes first: it asks the rest
};

}  // namespace

int run_agent(const AgentOptions& options) {
  log::start(options.service.log_format, options.service.log_level);
  log::info("pona agent starts",
            {{"version", std::string(version_number())}, {"node", options.node}});
  os::Fd signals = os::catch_signals();
  Agent(options, std::move(signals)).run();
  os::notify_service_manager("STOPPING=1");
  log::info("pona agent stops; what it made in pods stays and works on");
  return 0;
}

}  // namespace cmd
