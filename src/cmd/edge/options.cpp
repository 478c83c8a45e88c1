#include "cmd/edge/options.hpp"

#include <sys/un.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>
#include <utility>

#include "core/constants.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"
#include "kube/api/kubeconfig.hpp"

namespace cmd {
namespace {

using Complaint = std::optional<std::string>;
using Setter = std::function<Complaint(EdgeOptions&, const std::string&)>;

constexpr std::string_view standard_config = "/etc/pona/edge.yaml";

std::optional<bool> parse_bool(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  // What Go's strconv.ParseBool takes, as SmartNat did, and what YAML users write.
  for (const char* yes : {"true", "t", "1", "yes", "on"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"false", "f", "0", "no", "off"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename Target>
Setter boolean(Target target) {
  return [target](EdgeOptions& options, const std::string& text) -> Complaint {
    const auto value = parse_bool(text);
    if (!value) return "is neither true nor false";
    target(options) = *value;
    return std::nullopt;
  };
}

template <typename Store>
Setter integer(std::int64_t least, std::int64_t most, Store store) {
  return [=](EdgeOptions& options, const std::string& text) -> Complaint {
    const auto value = parse_integer(text);
    if (!value || *value < least || *value > most) {
      return "is no whole number from " + std::to_string(least) + " to " + std::to_string(most);
    }
    store(options, *value);
    return std::nullopt;
  };
}

template <typename Value, typename Target>
Setter word(std::vector<std::pair<std::string, Value>> words, Target target) {
  return [words = std::move(words), target](EdgeOptions& options,
                                            const std::string& text) -> Complaint {
    std::string known;
    for (const auto& [name, value] : words) {
      if (name == text) {
        target(options) = value;
        return std::nullopt;
      }
      known += (known.empty() ? "" : ", ") + name;
    }
    return "is none of " + known;
  };
}

Complaint set_interfaces(EdgeOptions& options, const std::string& text) {
  try {
    const std::regex checked(text, std::regex::extended);
  } catch (const std::regex_error& error) {
    return std::string("is no extended regular expression: ") + error.what();
  }
  options.settings.external_interfaces = text;
  return std::nullopt;
}

Complaint set_mark_mask(EdgeOptions& options, const std::string& text) {
  std::string_view digits = text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  std::uint32_t mask = 0;
  const char* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, mask, 16);
  if (error != std::errc() || end != last) return "is no hexadecimal number of 32 bits";
  const std::uint32_t shifted = mask == 0 ? 0 : mask >> std::countr_zero(mask);
  if (std::popcount(mask) < 4 || (shifted & (shifted + 1)) != 0) {
    return "does not have at least 4 bits, all adjacent";
  }
  options.settings.mark_mask = mask;
  return std::nullopt;
}

Complaint set_monitor_address(EdgeOptions& options, const std::string& text) {
  options.settings.monitor_address = core::Address::parse(text);
  if (!text.empty() && !options.settings.monitor_address) {
    return "is no IPv4 or IPv6 address (empty: all addresses)";
  }
  return std::nullopt;
}

Complaint set_socket(EdgeOptions& options, const std::string& text) {
  if (text.empty() || text.size() >= sizeof(sockaddr_un::sun_path)) {
    return "is no path of 1 to " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " letters";
  }
  options.socket = text;
  return std::nullopt;
}

Complaint set_instance_name(EdgeOptions& options, const std::string& text) {
  if (text.size() > 253 || text.find_first_of(" \t\n/") != std::string::npos) {
    return "is no name of at most 253 letters without spaces and slashes";
  }
  options.instance_name = text;
  return std::nullopt;
}

Complaint set_state_dir(EdgeOptions& options, const std::string& text) {
  if (!text.empty() && !text.starts_with('/')) {
    return "is no absolute path (empty: nothing is saved)";
  }
  options.state_dir = text;
  return std::nullopt;
}

template <typename Target>
Setter text(Target target) {
  return [target](EdgeOptions& options, const std::string& value) -> Complaint {
    target(options) = value;
    return std::nullopt;
  };
}

std::string hexadecimal(std::uint32_t value) {
  std::ostringstream out;
  out << "0x" << std::hex << value;
  return out.str();
}

std::vector<EdgeOption> make_table() {
  using core::AddressPolicy;
  using core::BackendMode;
  using O = EdgeOptions;
  static const std::string mask = hexadecimal(core::constants::edge_mark_mask);
  return {
      {"manifests", "DIR", "/etc/pona/manifests", "",
       "Directory of manifests: Mapping, Service, EndpointSlice, AddressPool; YAML and JSON, any "
       "depth; beside "
       "a cluster only where it is named",
       text([](O& o) -> std::string& { return o.manifests; })},
      {"kubeconfig", "FILE|auto|in-cluster", "", "",
       "The cluster whose objects are served; auto: as kubectl finds it, in-cluster: as a pod; "
       "empty: none",
       text([](O& o) -> std::string& { return o.kubeconfig; })},
      {"context", "NAME", "", "", "Context of the kubeconfig; empty: the current one",
       text([](O& o) -> std::string& { return o.context; })},
      {"report", "", "true", "",
       "Statuses of Mappings, Events and addresses of Services are written to the cluster",
       boolean([](O& o) -> bool& { return o.report; })},
      {"instance-name", "NAME", "", "",
       "This edge's name in what it writes, another one for each edge; empty: the host's name",
       set_instance_name},
      {"lease-namespace", "NAMESPACE", "pona-system", "",
       "Where the Lease is by which edges elect who writes for all",
       text([](O& o) -> std::string& { return o.lease_namespace; })},
      {"node-name", "NAME", "", "",
       "The node of the cluster that this host is, for Services of externalTrafficPolicy Local; "
       "empty: none",
       [](O& o, const std::string& value) -> Complaint {
         o.node_name = value;
         o.settings.node = !value.empty();
         return std::nullopt;
       }},
      {"state-dir", "DIR", "/var/lib/pona", "",
       "Where the cluster's objects are saved, for a start while its API server cannot be reached; "
       "empty: nowhere",
       set_state_dir},
      {"external-interfaces", "REGEX", "", "SNCTRLR_INTERFACES_PATTERN",
       "Client-facing interfaces, an extended regular expression that may match any part of the "
       "name; empty: none, replies follow table main",
       set_interfaces},
      {"gateway-offset", "N", "1", "SNCTRLR_GW_ADDRESS_OFFSET",
       "Next hop of an external interface without a default route: Nth address from the subnet's "
       "start, or from its end if negative",
       integer(-32768, 32767,
               [](O& o, std::int64_t v) { o.settings.gateway_offset = static_cast<int>(v); })},
      {"masquerade", "", "true", "SNCTRLR_SETUP_MASQUERADE",
       "Pods see the appliance's address, not the client's; Mappings may say otherwise",
       boolean([](O& o) -> bool& { return o.settings.masquerade; })},
      {"snat", "", "false", "SNCTRLR_SETUP_SNAT",
       "Connections that pods open through the appliance leave with their Mapping's address",
       boolean([](O& o) -> bool& { return o.settings.snat; })},
      {"backend", "endpoints|clusterip", "endpoints", "",
       "Where traffic is sent: straight to endpoints, or to the Service's cluster IP",
       word<BackendMode>(
           {{"endpoints", BackendMode::endpoints}, {"clusterip", BackendMode::cluster_ip}},
           [](O& o) -> BackendMode& { return o.settings.backend; })},
      {"address-policy", "local|any", "local", "",
       "Which Mappings' addresses are served: those that are local here, or any that is routed "
       "here",
       word<AddressPolicy>({{"local", AddressPolicy::local}, {"any", AddressPolicy::any}},
                           [](O& o) -> AddressPolicy& { return o.settings.address_policy; })},
      {"mark-mask", "HEX", mask, "",
       "Bits of the packet and connection mark to use: at least 4, adjacent", set_mark_mask},
      {"max-ports-per-mapping", "N", "50", "SNCTRLR_MAX_PORTS_PER_MAPPING",
       "Mappings with more entries in ports are rejected",
       integer(
           1, 65535,
           [](O& o, std::int64_t v) { o.max_ports_per_mapping = static_cast<std::uint32_t>(v); })},
      {"resync", "SECONDS", "600", "SNCTRLR_AUTOREFRESH_PERIOD_SEC",
       "How often everything is compared with the kernel, should a notification have been lost",
       integer(1, 604800, [](O& o, std::int64_t v) { o.resync = std::chrono::seconds(v); })},
      {"monitor-address", "ADDR", "127.0.0.1", "SNCTRLR_MONITOR_IP",
       "Where health, metrics and status are served by HTTP; empty: all addresses",
       set_monitor_address},
      {"monitor-port", "N", "8080", "SNCTRLR_MONITOR_PORT",
       "TCP port of the same; 0: the unix socket only",
       integer(
           0, 65535,
           [](O& o, std::int64_t v) { o.settings.monitor_port = static_cast<std::uint16_t>(v); })},
      {"socket", "PATH", "/run/pona/edge.sock", "", "Unix socket of the same, for pona edge status",
       set_socket},
      {"log-format", "text|json", "text", "", "Form of the log on standard error",
       word<log::Format>(log::formats(), [](O& o) -> log::Format& { return o.log_format; })},
      {"log-level", "debug|info|warning|error", "info", "SNCTRLR_DEBUG_ENABLED",
       "Least important lines to log",
       word<log::Level>(log::levels(), [](O& o) -> log::Level& { return o.log_level; })},
  };
}

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
    ResolvedOptions& result, const std::map<std::string, std::string>& environment) {
  std::vector<std::pair<std::string_view, std::string>> complaints;
  auto& options = result.options;
  const auto effective = [&](std::string_view name) -> EffectiveOption& {
    return *std::ranges::find(result.effective, name, &EffectiveOption::name);
  };
  // A pod that is told nothing serves its own cluster.
  constexpr const char* in_pod = "KUBERNETES_SERVICE_HOST";
  if (effective("manifests").origin == "default" && effective("kubeconfig").origin == "default" &&
      environment.contains(in_pod)) {
    options.kubeconfig = "in-cluster";
    effective("kubeconfig") = {"kubeconfig", options.kubeconfig, in_pod};
  }
  if (EffectiveOption& manifests = effective("manifests");
      !options.kubeconfig.empty() && manifests.origin == "default") {
    options.manifests = manifests.text = "";
  } else if (options.kubeconfig.empty() && options.manifests.empty()) {
    complaints.emplace_back("manifests", "is empty: a directory is needed, or a kubeconfig");
  }
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
      notes.push_back(name + " is no variable of this program and is ignored" +
                      nearest_of(name, known));
    }
  }
  return notes;
}

}  // namespace

std::span<const EdgeOption> edge_option_table() {
  static const std::vector<EdgeOption> table = make_table();
  return table;
}

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
  for (const auto& [name, complaint] : settle(result, sources.environment)) {
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
  } else if (!may_be_missing || reason != ENOENT) {
    throw core::Error(core::Error::Kind::usage,
                      "cannot open " + sources.config_name + ": " + std::strerror(reason));
  }
  return resolve_options(sources);
}

}  // namespace cmd
