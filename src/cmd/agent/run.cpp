#include "cmd/agent/run.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cmd/agent/namespace_events.hpp"
#include "cmd/agent/plugin_upkeep.hpp"
#include "cmd/agent/probing.hpp"
#include "cmd/agent/server.hpp"
#include "cmd/agent/status.hpp"
#include "cmd/node/agent_protocol.hpp"
#include "cmd/serve/diag_answers.hpp"
#include "cmd/serve/health.hpp"
#include "cmd/serve/http_server.hpp"
#include "cmd/serve/poll_loop.hpp"
#include "cmd/serve/start.hpp"
#include "cmd/version.hpp"
#include "core/error.hpp"
#include "kube/source/manifest_source.hpp"
#include "os/directories.hpp"
#include "os/listen.hpp"

namespace cmd {
namespace {

using os::Time;
using Then = PollLoop::Then;

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
  auto cluster =
      kube::open_agent_cluster({load_client(options.service), user_agent("agent"), options.node});
  kube::AgentSource* const told = cluster.get();
  return {std::move(cluster), told};
}

// Readable when something in the directory changed. Level: what it was is not asked.
class DirectoryBell {
 public:
  explicit DirectoryBell(const std::string& directory)
      : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    std::error_code error;
    os::make_directories(directory, error);
    constexpr std::uint32_t what = IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM;
    if (fd_ && inotify_add_watch(fd_.get(), directory.c_str(), what) >= 0) return;
    // Others have all that the kernel grants this user.
    const int reason = errno;
    fd_ = os::Fd();
    if (access(directory.c_str(), R_OK | X_OK) != 0) {
      throw core::Error(core::Error::Kind::permanent,
                        "cannot watch " + directory + ": " + std::strerror(errno));
    }
    log::warning("a directory is not watched, only looked at every second",
                 {{"directory", directory},
                  {"error", std::strerror(reason)},
                  {"advice", "raise fs.inotify.max_user_instances or max_user_watches"}});
  }
  [[nodiscard]] int fd() const { return fd_.get(); }  // -1: it has to be looked at now and then
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
  Agent(const AgentOptions& options, PollLoop& poll)
      : options_(options),
        poll_(poll),
        clock_(os::system_clock()),
        bell_(options.sandboxes),
        store_(options.sandboxes),
        sources_(open_sources(options)),
        probes_(options.settings.paths, open_probe_sockets(options.probe_port), clock_),
        loop_(*sources_.source, sources_.cluster, probes_, options.settings, pass_client, clock_),
        monitors_(loop_),
        diag_({"--agent-socket", options.socket, "--sandboxes", options.sandboxes}),
        server_(
            os::listen_unix(options.socket, "pona agent", 0600),
            [this](std::string_view line, const AgentServer::Reply& reply) { serve(line, reply); },
            clock_),
        socket_file_(options.socket),
        http_(listen(options.service), pages(),
              {.connections = options.service.monitor_connections}) {
    list_sandboxes();
    if (options.install_cni) {
      cni_.emplace(AgentCniOptions{options.cni_bin,
                                   options.cni_conf,
                                   {.socket = options.socket,
                                    .state_directory = options.sandboxes,
                                    .own_list = options.own_list}},
                   clock_);
    }
    watch();
  }

  void run() {
    poll_.run([this] { return step(); });
  }

 private:
  PollLoop::Next step() {
    told_.busy_since = clock_.now();
    health_.post(told_);
    Time due = Time::max();
    if (cni_) {
      cni_->step();
      loop_.set_other_troubles(cni_->problems());
      due = cni_->due();
    }
    if (bell_.fd() < 0 && clock_.now() >= look_at_) {
      list_sandboxes();
      look_at_ = clock_.now() + std::chrono::seconds(1);
    }
    if (bell_.fd() < 0) due = std::min(due, look_at_);
    due = std::min({due, loop_.step(), server_.due()});
    monitors_.follow();
    told_ = {loop_.synced(), loop_.troubles(), std::nullopt};
    health_.post(told_);
    poll_.tell_ready(loop_.synced(), "ready",
                     {{"sandboxes", std::to_string(loop_.clients().size())}});
    return {due};
  }

  void watch() {
    poll_.on_resync([this] { loop_.resync(); });
    poll_.watch(
        Then::wait, [this] { return http_.fd(); }, [this] { http_.read_wanted(); });
    poll_.watch(
        Then::wait, [this] { return diag_.fd(); }, [this] { diag_.take(); });
    poll_.watch(Then::step, [this] { return sources_.source->wake_fd(); });
    poll_.watch(
        Then::step, [this] { return bell_.fd(); },
        [this] {
          bell_.silence();
          list_sandboxes();
        });
    poll_.watch(Then::step, [this] { return cni_ ? cni_->fd() : -1; });
    poll_.watch(Then::step, [this] { return probes_.fd(); });
    poll_.watch_many([this](auto& fds) { server_.add_to(fds); },
                     [this](const auto& fds) { server_.take(fds); });
    poll_.watch_many([this](auto& fds) { monitors_.add_to(fds); },
                     [this](const auto& fds) { monitors_.take(fds); });
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
    if (request->command == "DIAG") return diag_.answer(request->words, reply);
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

  std::vector<HttpPage> pages() {
    const auto metrics = [this]() -> HttpPage::Make {
      return [text = status_metrics(loop_)] { return HttpAnswer{200, text, metrics_type}; };
    };
    const auto status = [this]() -> HttpPage::Make {
      return [text = status_json(loop_, options_.node) + '\n'] {
        return HttpAnswer{200, text, json_type};
      };
    };
    std::vector<HttpPage> pages = health_pages(health_);
    pages.push_back({.path = "/metrics", .read = metrics});
    pages.push_back({.path = "/status", .read = status});
    return pages;
  }

  const AgentOptions& options_;
  PollLoop& poll_;
  os::Clock clock_;
  DirectoryBell bell_;
  SandboxStore store_;
  Sources sources_;
  ProbeThread probes_;
  AgentLoop loop_;
  AgentMonitors monitors_;
  DiagAnswers diag_;
  AgentServer server_;
  os::SocketFile socket_file_;
  std::optional<AgentCni> cni_;
  Time look_at_{};  // into the directory, where nothing rings for it
  LoopHealth told_;
  Latest<LoopHealth> health_;
  HttpServer http_;  // goes first: it asks the rest
};

}  // namespace

int run_agent(const AgentOptions& options) {
  log::start(options.service.log_format, options.service.log_level);
  log_start("agent", {{"node", options.node}});
  PollLoop poll(os::system_clock());
  Agent(options, poll).run();
  log::info("pona agent stops; what it made in pods stays and works on");
  return 0;
}

}  // namespace cmd
