#include "cmd/edge/options/options.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "cmd/serve/node_address.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"
#include "kube/api/kubeconfig.hpp"

namespace cmd {
namespace {

constexpr std::string_view standard_config = "/etc/pona/edge.yaml";

struct Superfluous {
  std::string_view variable;
  std::string_view reason;
};
constexpr Superfluous superfluous[] = {
    {"SNCTRLR_DEFAULT_GW_INTERFACE", "the default route is left to the host"},
    {"SNCTRLR_IPTABLES_TIMEOUT_SEC", "no iptables command is run"},
    {"SNCTRLR_MAX_FINALIZE_WAIT_MINUTES",
     "Mappings get no finalizer, nothing has to be waited for"},
};

constexpr std::string_view prefix = "PONA_EDGE_";

std::string variable_of(std::string_view option) {
  std::string name(prefix);
  for (const char letter : option) {
    name +=
        letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  return name;
}

std::string nearest_of(std::string_view word, const std::vector<std::string>& words) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  const auto near = core::nearest(word, views);
  return near ? "; did you mean \"" + std::string(*near) + "\"?" : "";
}

// SmartNat's variable in the words of our option.
std::string from_smartnat(std::string_view variable, const std::string& text) {
  if (variable != "SNCTRLR_DEBUG_ENABLED") return text;
  const auto debug = parse_bool(text);
  return !debug ? text : *debug ? "debug" : "info";
}

EffectiveOption choose(const EdgeOption& option, const OptionSources& sources) {
  if (const auto flag = sources.flags.find(std::string(option.name)); flag != sources.flags.end()) {
    return {option.name, flag->second, "--" + std::string(option.name)};
  }
  const std::string variable = variable_of(option.name);
  if (const auto set = sources.environment.find(variable); set != sources.environment.end()) {
    return {option.name, set->second, variable};
  }
  if (const auto key = sources.config.find(std::string(option.name)); key != sources.config.end()) {
    return {option.name, key->second.text,
            sources.config_name + ':' + std::to_string(key->second.line)};
  }
  if (!option.smartnat.empty()) {
    const std::string smartnat(option.smartnat);
    if (const auto set = sources.environment.find(smartnat); set != sources.environment.end()) {
      return {option.name, from_smartnat(smartnat, set->second), smartnat};
    }
  }
  return {option.name, std::string(option.standard), "default"};
}

// What is wrong with options that depend on each other; what one leaves to another is filled in.
std::vector<std::pair<std::string_view, std::string>> settle(
    ResolvedOptions& result, const std::map<std::string, std::string>& environment,
    bool has_config) {
  std::vector<std::pair<std::string_view, std::string>> complaints;
  auto& options = result.options;
  const auto effective = [&](std::string_view name) -> EffectiveOption& {
    return *std::ranges::find(result.effective, name, &EffectiveOption::name);
  };
  // Who names no source means what the other commands take. An appliance that has a file of options
  // is described by it: what root's shell happens to know of a cluster does not change what it
  // serves. A pod has no other cluster than its own.
  if (effective("manifests").origin == "default" && effective("kubeconfig").origin == "default") {
    constexpr const char* in_pod = "KUBERNETES_SERVICE_HOST";
    std::string found = kube::usual_config(environment);
    if (has_config) found = environment.contains(in_pod) ? in_pod : "";
    if (!found.empty()) {
      options.kubeconfig = found == in_pod ? "in-cluster" : "auto";
      effective("kubeconfig") = {"kubeconfig", options.kubeconfig, found};
    }
  }
  if (EffectiveOption& manifests = effective("manifests");
      !options.kubeconfig.empty() && manifests.origin == "default") {
    options.manifests = manifests.text = "";
  } else if (options.kubeconfig.empty() && options.manifests.empty()) {
    complaints.emplace_back("manifests", "is empty: a directory is needed, or a kubeconfig");
  }
  if (effective("monitor-address").text == node_word) {
    const auto set = environment.find(node_address_variable);
    auto& address = options.settings.monitor_address;
    if (set != environment.end()) address = core::Address::parse(set->second);
    if (!address) complaints.emplace_back("monitor-address", no_node_address);
  }
  options.settings.cluster = !options.kubeconfig.empty();
  if (!options.context.empty() && options.kubeconfig.empty()) {
    complaints.emplace_back("context", "is of no use without kubeconfig");
  } else if (!options.context.empty() && options.kubeconfig == "in-cluster") {
    complaints.emplace_back("context", "cannot be chosen in-cluster: a pod has no kubeconfig");
  }
  return complaints;
}

std::vector<std::string> notes_on(const std::map<std::string, std::string>& environment) {
  std::vector<std::string> ours = {variable_of("config")};
  std::vector<std::string> smartnats;
  for (const EdgeOption& option : edge_option_table()) {
    ours.push_back(variable_of(option.name));
    if (!option.smartnat.empty()) smartnats.emplace_back(option.smartnat);
  }
  std::vector<std::string> notes;
  for (const auto& [name, text] : environment) {
    const bool smartnat = name.starts_with("SNCTRLR_");
    if (!smartnat && !name.starts_with(prefix)) continue;
    const auto useless = std::ranges::find(superfluous, name, &Superfluous::variable);
    if (useless != std::end(superfluous)) {
      notes.push_back(name + " has no effect: " + std::string(useless->reason));
      continue;
    }
    const std::vector<std::string>& known = smartnat ? smartnats : ours;
    // No error: Kubernetes itself sets PONA_EDGE_PORT and the like for a Service named pona-edge.
    if (std::ranges::find(known, name) == known.end()) {
      notes.push_back(name + " is not a variable of this program and is ignored" +
                      nearest_of(name, known));
    }
  }
  return notes;
}

}  // namespace

ResolvedOptions resolve_options(const OptionSources& sources) {
  ResolvedOptions result;
  std::string wrong;
  const auto complain = [&](const std::string& text) {
    wrong += (wrong.empty() ? "" : "\n") + text;
  };
  const auto complain_of = [&](const EffectiveOption& chosen, const std::string& complaint) {
    // A flag or variable names the option itself.
    const bool in_file = chosen.origin.find(':') != std::string::npos;
    complain(chosen.origin + (in_file ? ": " + std::string(chosen.name) : "") + " \"" +
             chosen.text + "\" " + complaint);
  };
  std::vector<std::string> names;
  for (const EdgeOption& option : edge_option_table()) {
    names.emplace_back(option.name);
    result.effective.push_back(choose(option, sources));
    const EffectiveOption& chosen = result.effective.back();
    if (const auto complaint = option.set(result.options, chosen.text)) {
      complain_of(chosen, *complaint);
    }
  }
  for (const auto& [name, complaint] : settle(result, sources.environment, sources.has_config)) {
    complain_of(*std::ranges::find(result.effective, name, &EffectiveOption::name), complaint);
  }
  for (const auto& [key, value] : sources.config) {
    if (std::ranges::find(names, key) == names.end()) {
      complain(sources.config_name + ':' + std::to_string(value.line) + ": there is no option \"" +
               key + '"' + nearest_of(key, names));
    }
  }
  if (!wrong.empty()) throw core::Error(core::Error::Kind::usage, wrong);
  result.notes = notes_on(sources.environment);
  return result;
}

ResolvedOptions resolve_options(const std::map<std::string, std::string>& flags) {
  OptionSources sources;
  sources.flags = flags;
  sources.environment = kube::process_environment();
  sources.config_name = standard_config;
  bool may_be_missing = true;
  if (const auto flag = flags.find("config"); flag != flags.end()) {
    sources.config_name = flag->second;
    may_be_missing = false;
  } else if (const auto set = sources.environment.find(variable_of("config"));
             set != sources.environment.end()) {
    sources.config_name = set->second;
    may_be_missing = false;
  }
  std::ifstream file(sources.config_name);
  const int reason = errno;
  if (file) {
    std::ostringstream text;
    text << file.rdbuf();
    if (file.bad() || text.bad()) {
      throw core::Error(core::Error::Kind::usage, "cannot read " + sources.config_name);
    }
    sources.config = parse_config(sources.config_name, text.str());
    sources.has_config = true;
  } else if (!may_be_missing || reason != ENOENT) {
    throw core::Error(core::Error::Kind::usage,
                      "cannot open " + sources.config_name + ": " + std::strerror(reason));
  }
  return resolve_options(sources);
}

}  // namespace cmd
