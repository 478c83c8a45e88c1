// The options of `pona edge`: one table of what there is, and one way from texts (flag,
// environment, file, SmartNat's variables, default; in this order) to plain values. A text that
// cannot be read is an error that names its origin, never silently the default.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/serve/log.hpp"
#include "core/edge/plan_edge.hpp"
#include "kube/api/trust.hpp"

namespace cmd {

struct EdgeOptions {
  std::string manifests;      // a directory; empty: none, which is for a cluster's kubeconfig only
  std::string kubeconfig;     // a file, "auto" or "in-cluster"; empty: no cluster
  std::string context;        // of the kubeconfig; empty: the current one
  std::string instance_name;  // in what this edge writes; empty: the host's name
  std::string lease_namespace;  // empty: as the source says
  std::string node_name;        // empty: this host is no node of the cluster
  bool report = true;           // writes status, Events and the addresses of Services
  std::string state_dir;        // absolute; empty: a cluster's objects are not saved
  kube::Trust trust{{}, 0, true};
  core::EdgeSettings settings;
  std::string socket;
  std::size_t monitor_connections = 0;
  std::uint32_t max_ports_per_mapping = 0;
  std::uint32_t max_addresses_per_service = 0;
  log::Format log_format{};
  log::Level log_level{};
  std::chrono::seconds resync{};
  std::chrono::seconds address_hold{};
};

struct EdgeOption {
  std::string_view name;      // flag and key of the file; PONA_EDGE_NAME in the environment
  std::string_view value;     // what stands for the value in the help; empty: true or false
  std::string_view standard;  // its default, as text
  std::string_view smartnat;  // the variable of SmartNat that means the same, if any
  std::string_view help;
  // Takes the text in, or says what is wrong with it.
  std::function<std::optional<std::string>(EdgeOptions&, const std::string&)> set;
};

// What Go's strconv.ParseBool takes, and what YAML users write. Nothing: it is neither.
std::optional<bool> parse_bool(std::string text);

std::span<const EdgeOption> edge_option_table();

// Key -> text, with the line it stands on.
struct ConfigValue {
  std::string text;
  std::uint32_t line = 0;
};
using Config = std::map<std::string, ConfigValue>;

// Reads a YAML (or JSON) map of scalars. Throws core::Error (usage) with name:line.
Config parse_config(const std::string& name, const std::string& text);

struct OptionSources {
  std::map<std::string, std::string> flags;        // by option name
  std::map<std::string, std::string> environment;  // all of it
  std::string config_name;                         // for messages
  bool has_config = false;                         // the file is there, be it all comments
  Config config;
};

struct EffectiveOption {
  std::string_view name;
  std::string text;
  std::string origin;  // "--snat", "PONA_EDGE_SNAT", "/etc/pona/edge.yaml:3", "default"
};

struct ResolvedOptions {
  EdgeOptions options;
  std::vector<EffectiveOption> effective;  // in the order of the table
  std::vector<std::string> notes;          // worth a line in the log
};

// Throws core::Error (usage) that lists everything that is wrong.
ResolvedOptions resolve_options(const OptionSources& sources);

// The same with the process' environment and the file: --config, PONA_EDGE_CONFIG, or
// /etc/pona/edge.yaml, which alone may be missing.
ResolvedOptions resolve_options(const std::map<std::string, std::string>& flags);

}  // namespace cmd
