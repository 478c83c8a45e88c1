#include "cmd/cni/plugin.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "cmd/cni/netconf.hpp"
#include "cmd/node/cni_versions.hpp"
#include "core/error.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;
using Outcome = std::optional<CniError>;

// DEL may be all that stands between a node and its next pod.
constexpr auto longest_farewell = std::chrono::milliseconds(500);

// Of two that are known; they sort as texts.
bool before(std::string_view version, std::string_view other) { return version < other; }

std::string value_of(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

// CNI_ARGS is "KEY=VALUE;KEY=VALUE"; others' keys and what is no pair are of no interest.
std::string argument(std::string_view arguments, std::string_view name) {
  while (!arguments.empty()) {
    const std::string_view pair = arguments.substr(0, arguments.find(';'));
    arguments.remove_prefix(std::min(arguments.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return std::string(pair.substr(equals + 1));
    }
  }
  return "";
}

class Plugin {
 public:
  Plugin(const Environment& environment, const CniConfigResult& read, const CniEffects& effects)
      : environment_(environment),
        config_(read.config),
        unreadable_(read.error),
        effects_(effects),
        store_(read.config.state_directory) {}

  CniReply run() {
    const std::string command = value_of(environment_, "CNI_COMMAND");
    Outcome error;
    if (command == "ADD") {
      error = add();
    } else if (command == "DEL") {
      error = del();
    } else if (command == "CHECK") {
      error = check();
    } else if (command == "GC") {
      error = collect();
    } else if (command == "STATUS") {
      error = status();
    } else if (command == "VERSION") {
      version();
    } else {
      error = {cni_code::bad_environment,
               command.empty() ? "CNI_COMMAND is not set: this is a CNI plugin, which container "
                                 "runtimes call; see pona-cni(8)"
                               : "CNI_COMMAND \"" + command + "\" is not known",
               ""};
    }
    if (error) fail(*error);
    return std::move(reply_);
  }

 private:
  Outcome add() {
    if (Outcome error = demand("", true)) return error;
    if (Outcome error = read_sandbox(true)) return error;
    // First the record: an agent that starts, or sees the pod's annotation, at any moment from now
    // finds the namespace.
    try {
      store_.put(sandbox_);
    } catch (const core::Error& error) {
      return CniError{cni_code::io, "cannot record the sandbox", error.what()};
    }
    if (Outcome error = ask_about_pod("ADD")) {
      forget();
      return error;
    }
    reply_.output = *config_.result + '\n';
    return std::nullopt;
  }

  Outcome del() {
    // Whatever else is wrong: a pod that cannot be deleted is worse than what may be left behind.
    if (Outcome error = read_sandbox(false)) return error;
    if (unreadable_) note(unreadable_->message);
    // Then nobody knows whose directory and agent it is about.
    if (unreadable_ && unreadable_->code == cni_code::undecodable) return std::nullopt;
    if (auto recorded = store_.find(sandbox_.container, sandbox_.interface)) sandbox_ = *recorded;
    if (!sandbox_.pod.name.empty()) {
      const auto timeout = std::min(config_.timeout, longest_farewell);
      if (Outcome error = ask({"DEL", sandbox_, {}, timeout})) note(error->message);
    }
    forget();
    return std::nullopt;
  }

  Outcome check() {
    if (Outcome error = demand("0.4.0", true)) return error;
    if (Outcome error = read_sandbox(true)) return error;
    const auto recorded = store_.find(sandbox_.container, sandbox_.interface);
    if (!recorded || recorded->cookie != sandbox_.cookie) {
      return CniError{cni_code::not_as_added,
                      std::string(recorded ? "the record is of another network namespace"
                                           : "there is no record of the sandbox") +
                          " in " + config_.state_directory + ": the pod must be re-created",
                      ""};
    }
    return ask_about_pod("CHECK");
  }

  Outcome collect() {
    if (Outcome error = demand("1.1.0", false)) return error;
    // Without the list everything would look like garbage. libcni leaves it out where its caller
    // names none.
    if (!config_.attachments) {
      note("GC without cni.dev/valid-attachments: nothing is removed");
      return std::nullopt;
    }
    AgentRequest request{"GC", std::nullopt, {}, config_.timeout};
    for (Sandbox& sandbox : store_.all([this](const std::string& text) { note(text); })) {
      const bool listed = std::ranges::find(*config_.attachments,
                                            std::pair(sandbox.container, sandbox.interface)) !=
                          config_.attachments->end();
      // The list is of one network; other networks' pods may be ours as well.
      if (listed || sandbox.network != config_.name) {
        request.sandboxes.push_back(std::move(sandbox));
      } else {
        sandbox_ = std::move(sandbox);
        forget();
      }
    }
    Outcome error = ask(request);
    // An agent that is away finds the records gone when it is back.
    if (!error || error->code != cni_code::try_again_later) return error;
    note(error->message);
    return std::nullopt;
  }

  Outcome status() {
    if (Outcome error = demand("1.1.0", false)) return error;
    Outcome error = ask({"STATUS", std::nullopt, {}, config_.timeout});
    if (error && error->code == cni_code::try_again_later) error->code = cni_code::not_available;
    return error;
  }

  void version() {
    const bool given = is_cni_version(config_.version);
    const Json answer = {
        {"cniVersion", given ? std::string_view(config_.version) : cni_versions.back()},
        {"supportedVersions", cni_versions}};
    reply_.output = kube::dump_json(answer) + '\n';
  }

  // Of the netconf, and of the version it is written in: `since` has the command.
  Outcome demand(std::string_view since, bool chained) const {
    if (unreadable_ && unreadable_->code == cni_code::undecodable) return unreadable_;
    if (!is_cni_version(config_.version)) {
      return CniError{cni_code::incompatible_version,
                      "netconf: cniVersion " + config_.version +
                          " is not supported; it must be one of: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0",
                      ""};
    }
    if (before(config_.version, since)) {
      return CniError{cni_code::incompatible_version,
                      "netconf: cniVersion " + config_.version + " has no " +
                          value_of(environment_, "CNI_COMMAND") + "; it came with " +
                          std::string(since),
                      ""};
    }
    if (unreadable_) return unreadable_;
    if (config_.ipam) {
      return CniError{cni_code::unsupported_field,
                      "netconf: ipam " + *config_.ipam +
                          " has no use: addresses are given by another plugin of the chain",
                      ""};
    }
    if (chained && !config_.result) {
      return CniError{cni_code::bad_config,
                      "netconf: prevResult is missing: this plugin works behind another one, in "
                      "the list \"plugins\" of a .conflist",
                      ""};
    }
    return std::nullopt;
  }

  // `alive`: the namespace must be there.
  Outcome read_sandbox(bool alive) {
    sandbox_.container = value_of(environment_, "CNI_CONTAINERID");
    sandbox_.interface = value_of(environment_, "CNI_IFNAME");
    sandbox_.netns = value_of(environment_, "CNI_NETNS");
    if (!is_container_id(sandbox_.container)) return bad("CNI_CONTAINERID", sandbox_.container);
    if (!is_interface_name(sandbox_.interface)) return bad("CNI_IFNAME", sandbox_.interface);
    const std::string arguments = value_of(environment_, "CNI_ARGS");
    sandbox_.pod = {argument(arguments, "K8S_POD_NAMESPACE"), argument(arguments, "K8S_POD_NAME")};
    sandbox_.uid = argument(arguments, "K8S_POD_UID");
    sandbox_.network = config_.name;
    if (!alive) return std::nullopt;
    sandbox_.addresses = config_.addresses;
    if (!sandbox_.netns.starts_with('/')) return bad("CNI_NETNS", sandbox_.netns);
    if (!sandbox_.pod.name.empty() && sandbox_.pod.ns.empty()) {
      return CniError{cni_code::bad_environment,
                      "CNI_ARGS has K8S_POD_NAME but no K8S_POD_NAMESPACE", arguments};
    }
    try {
      sandbox_.cookie = effects_.netns_cookie(sandbox_.netns);
    } catch (const core::Error& error) {
      return CniError{cni_code::bad_environment,
                      "CNI_NETNS \"" + sandbox_.netns + "\" cannot be entered", error.what()};
    }
    return std::nullopt;
  }

  static CniError bad(const char* name, const std::string& value) {
    return {cni_code::bad_environment,
            value.empty() ? std::string(name) + " is not set"
                          : std::string(name) + " \"" + value + "\" is not valid",
            ""};
  }

  // Nobody is asked about what is certain: no pod, or one that the runtime says wants nothing.
  Outcome ask_about_pod(const char* command) {
    if (sandbox_.pod.name.empty()) return std::nullopt;
    if (config_.asks_for_egress == false && !config_.nat_pod) return std::nullopt;
    Outcome error = ask({command, sandbox_, {}, config_.timeout});
    // A NAT pod may start without: it is not ready before its parameters are set, which the agent
    // does whenever it comes.
    if (config_.asks_for_egress == false) return std::nullopt;
    if (error && error->code == cni_code::try_again_later && away_) {
      error->message += config_.asks_for_egress
                            ? "; the pod uses an Egress and must not run without it"
                            : "; whether the pod uses an Egress is not known, as the runtime "
                              "passes no annotations";
      error->message += ". See that pona's agent runs on this node; the runtime tries again";
    }
    return error;
  }

  Outcome ask(const AgentRequest& request) {
    std::string line;
    try {
      line = effects_.ask(config_.socket, to_json(request), request.timeout);
    } catch (const core::Error& error) {
      away_ = true;
      return CniError{cni_code::try_again_later,
                      "pona's agent does not answer on " + config_.socket, error.what()};
    }
    const std::optional<AgentAnswer> answer = parse_agent_answer(line);
    if (!answer) {
      return CniError{
          cni_code::undecodable,
          "what answers on " + config_.socket +
              " is not an agent of this version: update the plugin and the agent together",
          line.substr(0, 200)};
    }
    return answer->error;
  }

  void forget() {
    try {
      store_.remove(sandbox_.container, sandbox_.interface);
    } catch (const core::Error& error) {
      note(error.what());
    }
  }

  void note(const std::string& text) { reply_.note += "pona-cni: " + text + '\n'; }

  void fail(const CniError& error) {
    const bool given = is_cni_version(config_.version);
    Json json = {{"cniVersion", given ? std::string_view(config_.version) : cni_versions.back()},
                 {"code", error.code},
                 {"msg", error.message}};
    if (!error.details.empty()) json["details"] = error.details;
    reply_.output = kube::dump_json(json) + '\n';
    reply_.status = 1;
  }

  const Environment& environment_;
  const CniConfig& config_;
  const Outcome& unreadable_;
  const CniEffects& effects_;
  SandboxStore store_;
  Sandbox sandbox_;
  CniReply reply_;
  bool away_ = false;
};

}  // namespace

CniReply answer_cni(const Environment& environment, std::string_view input,
                    const CniEffects& effects) {
  const CniConfigResult read = read_cni_config(input);
  return Plugin(environment, read, effects).run();
}

}  // namespace cmd
