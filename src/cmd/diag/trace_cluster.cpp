#include "cmd/diag/trace_cluster.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cmd/diag/print_trace.hpp"
#include "cmd/diag/question.hpp"
#include "cmd/diag/trace_json.hpp"
#include "cmd/diag/waiting.hpp"
#include "cmd/version.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/merge.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "kube/api/blocking_request.hpp"
#include "kube/api/pod_exec.hpp"
#include "kube/decode/encoding.hpp"
#include "kube/decode/json_at.hpp"
#include "kube/decode/json_depth.hpp"
#include "os/bell.hpp"
#include "os/random.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using ClusterJson = nlohmann::ordered_json;
using core::packet::Trace;

// On more nodes nobody waits for the packet: each costs a connection through the API server.
constexpr std::size_t most_observers = 24;
constexpr auto arming_limit = 20s;
constexpr auto observing_limit = 60s;
constexpr auto sending_limit = 90s;

struct Daemon {
  std::string node;
  std::string pod;
  std::string container;
  bool agent = false;  // else an edge
};

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "it said nothing";
  const std::size_t begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? std::size_t(-1) : begin));
}

class ClusterTrace {
 public:
  explicit ClusterTrace(const TraceOptions& options)
      : options_(options),
        agent_(user_agent("diag")),
        caller_(
            kube::load_config({options.kubeconfig, options.context}, kube::process_environment()),
            agent_),
        credential_(kube::Credentials(caller_.config(), os::system_clock()).get()),
        cookie_(cookie_text(
            core::packet::make_cookie(options.protocol, os::unguessable(), os::unguessable()))) {}

  int run() {
    const TraceSource source = checked();
    const std::string node = node_of(*source.pod);
    const std::vector<Daemon> daemons = list_daemons();
    const Daemon& sender = on_node(daemons, node, *source.pod);
    if (options_.live) observe(daemons, node);
    std::vector<Trace> traces = {send(sender)};
    if (traces.front().live) gather(traces);
    stop();
    std::string complaint;
    Trace whole = core::packet::merge(traces, complaint);
    // Where no packet was sent, what one host knows is all.
    if (!complaint.empty()) whole = std::move(traces.front());
    for (std::string& note : notes_) whole.assumptions.push_back({"live", std::move(note)});
    core::packet::TextOptions text;
    text.reply = options_.reply;
    text.evaluated = options_.evaluated;
    print_traces({whole}, options_.format, text);
    return core::packet::exit_status(whole.result);
  }

  ClusterTrace(const ClusterTrace&) = delete;
  ClusterTrace& operator=(const ClusterTrace&) = delete;
  ~ClusterTrace() { stop(); }

 private:
  struct Observer {
    Daemon daemon;
    bool ready = false;  // it waits, or has ended
    std::string heard;
    std::optional<Trace> seen;
    std::string failure;
  };

  [[nodiscard]] TraceSource checked() const {
    const auto wrong = [](const std::string& text) {
      throw core::Error(core::Error::Kind::usage, text);
    };
    if (options_.watch || options_.all_endpoints || !options_.netns.empty() ||
        !options_.in.empty() || !options_.cookie.empty()) {
      wrong(
          "through the API server one packet is sent: --watch, --all-endpoints, --from-netns, --in "
          "and --cookie are for a trace on the host itself");
    }
    const TraceWords words =
        parse_trace_words(options_.words, options_.protocol != core::packet::icmp);
    if (!words.source.pod) {
      wrong("through the API server a packet begins in a pod: say pod/NAMESPACE/NAME to " +
            to_string(words.destination) +
            ", or run pona diag trace on the host where it comes in");
    }
    return words.source;
  }

  ClusterJson ask(const std::string& target, const std::string& attempt) {
    kube::Request request;
    request.target = target;
    const kube::Answer answer = caller_.call(request, attempt);
    if (!answer.ok()) throw caller_.refused(answer, attempt);
    ClusterJson json;
    if (!kube::nested_too_deep(answer.body)) json = ClusterJson::parse(answer.body, nullptr, false);
    if (!json.is_object()) {
      throw core::Error(core::Error::Kind::transient,
                        "cannot " + attempt + ": the API server's answer is no JSON object");
    }
    return json;
  }

  static const ClusterJson& at(const ClusterJson& json, const char* key) {
    static const ClusterJson none;
    const auto found = json.is_object() ? json.find(key) : json.end();
    return json.is_object() && found != json.end() ? *found : none;
  }

  std::string node_of(const core::ObjectName& pod) {
    const ClusterJson json = ask("/api/v1/namespaces/" + pod.ns + "/pods/" + pod.name,
                                 "get pod " + pod.ns + '/' + pod.name);
    std::string node = kube::text_at(at(json, "spec"), "nodeName");
    if (node.empty()) {
      throw core::Error(core::Error::Kind::permanent,
                        "pod " + pod.ns + '/' + pod.name + " is on no node yet");
    }
    return node;
  }

  std::vector<Daemon> list_daemons() {
    const std::string selector =
        kube::escape_query("app.kubernetes.io/name in (pona-agent,pona-edge)");
    const ClusterJson json =
        ask("/api/v1/namespaces/" + options_.ns + "/pods?labelSelector=" + selector,
            "list pona's pods in namespace " + options_.ns);
    std::vector<Daemon> daemons;
    const ClusterJson& items = at(json, "items");
    for (const ClusterJson& item : items.is_array() ? items : ClusterJson::array()) {
      const ClusterJson& containers = at(at(item, "spec"), "containers");
      const std::string phase = kube::text_at(at(item, "status"), "phase");
      if (!containers.is_array() || containers.empty()) continue;
      if (phase == "Succeeded" || phase == "Failed") continue;
      daemons.push_back({kube::text_at(at(item, "spec"), "nodeName"),
                         kube::text_at(at(item, "metadata"), "name"),
                         kube::text_at(containers.front(), "name"),
                         kube::text_at(at(at(item, "metadata"), "labels"),
                                       "app.kubernetes.io/name") == "pona-agent"});
    }
    // Of a node's two the agent, which may enter namespaces.
    std::ranges::stable_sort(daemons, [](const Daemon& one, const Daemon& other) {
      return std::pair(one.node, !one.agent) < std::pair(other.node, !other.agent);
    });
    return daemons;
  }

  [[nodiscard]] const Daemon& on_node(const std::vector<Daemon>& daemons, const std::string& node,
                                      const core::ObjectName& pod) const {
    const auto found = std::ranges::find_if(
        daemons, [&](const Daemon& one) { return one.agent && one.node == node; });
    if (found != daemons.end()) return *found;
    throw core::Error(
        core::Error::Kind::permanent,
        "no pona agent runs on node " + node + ", where pod " + pod.ns + '/' + pod.name +
            " is (namespace " + options_.ns +
            " was looked at; another one is named by --namespace): run pona diag trace as root on "
            "that node");
  }

  void observe(const std::vector<Daemon>& daemons, const std::string& but) {
    std::size_t left_out = 0;
    std::string last = but;
    for (const Daemon& daemon : daemons) {
      if (daemon.node == but || daemon.node == last) continue;
      last = daemon.node;
      if (observers_.size() == most_observers) {
        ++left_out;
        continue;
      }
      observers_.emplace_back().daemon = daemon;
    }
    if (left_out > 0) {
      notes_.push_back("on " + std::to_string(left_out) +
                       " more nodes nobody waited for the packet");
    }
    for (Observer& one : observers_) threads_.emplace_back([this, &one] { wait_on(one); });
    // Whoever is late has said why, or sees nothing.
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, arming_limit,
                      [this] { return std::ranges::all_of(observers_, &Observer::ready); });
  }

  void wait_on(Observer& observer) {
    const auto say = [&](const auto& change) {
      const std::lock_guard lock(mutex_);
      change();
      changed_.notify_all();
    };
    kube::PodCommand command = command_for(observer.daemon);
    TraceOptions same;
    same.protocol = options_.protocol;
    same.evaluated = options_.evaluated;
    same.watch = true;
    const std::vector<std::string> words = words_of(same);
    command.words.insert(command.words.end(), words.begin(), words.end());
    command.words.insert(command.words.end(), {"--stop-on-input", "--timeout", "60"});
    command.limit = arming_limit + observing_limit;
    command.end_fd = end_.fd();
    command.hear = [&](std::string_view text) {
      say([&] {
        observer.heard += text;
        observer.ready = observer.ready || observer.heard.find(waiting_words) != std::string::npos;
      });
    };
    try {
      const kube::PodCommandResult result =
          kube::run_in_pod(caller_.config(), credential_, agent_, command);
      Trace trace;
      std::string failure;
      try {
        trace = parse_trace(result.output);
        trace.host = observer.daemon.node;
      } catch (const core::Error&) {
        failure = last_line(result.errors);
      }
      say([&] {
        observer.failure = failure;
        if (failure.empty()) observer.seen = std::move(trace);
        observer.ready = true;
      });
    } catch (const core::Error& error) {
      say([&] {
        observer.failure = error.what();
        observer.ready = true;
      });
    }
  }

  kube::PodCommand command_for(const Daemon& daemon) {
    kube::PodCommand command;
    command.ns = options_.ns;
    command.pod = daemon.pod;
    command.container = daemon.container;
    command.words = {"pona", "diag", "trace", "--cookie", cookie_, "--output", "json"};
    return command;
  }

  Trace send(const Daemon& sender) {
    kube::PodCommand command = command_for(sender);
    const std::vector<std::string> words = words_of(options_);
    command.words.insert(command.words.end(), words.begin(), words.end());
    command.limit = sending_limit;
    const kube::PodCommandResult result =
        kube::run_in_pod(caller_.config(), credential_, agent_, command);
    try {
      Trace trace = parse_trace(result.output);
      trace.host = sender.node;
      return trace;
    } catch (const core::Error&) {
      throw core::Error(core::Error::Kind::permanent,
                        "pona diag trace in pod " + options_.ns + '/' + sender.pod + " on node " +
                            sender.node + " failed: " + last_line(result.errors));
    }
  }

  void gather(std::vector<Trace>& traces) {
    stop();
    for (Observer& one : observers_) {
      if (!one.seen) {
        notes_.push_back("on node " + one.daemon.node +
                         " nobody waited for the packet: " + one.failure);
      } else if (one.seen->live && !one.seen->steps.empty()) {
        traces.push_back(std::move(*one.seen));
      }
    }
  }

  // Whoever still waits for the packet waits in vain.
  void stop() {
    end_.ring();
    threads_.clear();
  }

  const TraceOptions& options_;
  std::string agent_;
  kube::Caller caller_;
  kube::Credential credential_;
  std::string cookie_;
  std::vector<std::string> notes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Observer> observers_;
  os::Bell end_;
  std::vector<std::jthread> threads_;  // go first: they use the rest
};

}  // namespace

bool in_cluster(const TraceOptions& options) {
  return !options.kubeconfig.empty() || !options.context.empty();
}

int trace_cluster(const TraceOptions& options) { return ClusterTrace(options).run(); }

}  // namespace cmd
