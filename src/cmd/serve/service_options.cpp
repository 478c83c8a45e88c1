#include "cmd/serve/service_options.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "cmd/serve/node_address.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw core::Error(core::Error::Kind::usage, text);
}

std::string environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string() : text;
}

template <typename Value>
std::vector<Value> parse_all(const std::string& name, const std::vector<std::string>& texts,
                             const char* what) {
  std::vector<Value> all;
  for (const std::string& text : texts) {
    const auto value = Value::parse(text);
    if (!value) refuse(name + ": \"" + text + "\" is not an " + what);
    all.push_back(*value);
  }
  return all;
}

// Empty: all.
std::optional<core::Address> monitor_address(const std::string& text) {
  if (text == "all") return std::nullopt;
  const bool node = text == node_word;
  const auto address = core::Address::parse(node ? environment(node_address_variable) : text);
  if (!address) {
    refuse("--monitor-address \"" + text + "\" " +
           (node ? no_node_address : "must be an IPv4 or IPv6 address, all, or node"));
  }
  return address;
}

// One of some words, and what it means.
template <typename Value>
void add_word(CLI::App& app, const char* flag, const char* type, const char* help,
              const log::Words<Value>& words, Value& value) {
  std::vector<std::string> known;
  for (const auto& [word, meaning] : words) known.push_back(word);
  app.add_option_function<std::string>(
         flag,
         [&words, &value](const std::string& text) {
           for (const auto& [word, meaning] : words) {
             if (word == text) value = meaning;
           }
         },
         help)
      ->type_name(type)
      ->check(CLI::IsMember(known));
}

}  // namespace

void add_cluster_options(CLI::App& app, ServiceOptions& options) {
  app.add_option("--kubeconfig", options.kubeconfig,
                 "in-cluster (the default), or a file that says how to reach the API server")
      ->type_name("FILE");
  app.add_option("--context", options.context, "Context of that file (default: its current one)")
      ->type_name("NAME");
  app.add_option(
         "--cluster-uid", options.trust.cluster_uid,
         "UID of the namespace kube-system of the cluster to serve; of another one nothing\n"
         "is taken (default: that of the cluster that answers first)")
      ->type_name("UID");
  app.add_option_function<unsigned>(
         "--confirm-deletions-after",
         [&options](unsigned seconds) {
           options.trust.confirm_after = std::chrono::seconds(seconds);
         },
         "A list that lacks too much is believed if another one does so N seconds later;\n"
         "0: at once (default 60)")
      ->type_name("N")
      ->check(CLI::Range(0, 86400));
  app.add_option("--confirm-deletions-above", options.trust.loss_percent,
                 "Too much is more than N per cent of the objects of a kind, or all (default 50)")
      ->type_name("N")
      ->check(CLI::Range(0, 100));
}

void add_source_options(CLI::App& app, ServiceOptions& options) {
  auto* manifests =
      app.add_option("--manifests", options.manifests,
                     "Read objects from the YAML and JSON files below DIR instead of a cluster")
          ->type_name("DIR");
  add_cluster_options(app, options);
  app.get_option("--kubeconfig")->excludes(manifests);
  app.add_option_function<unsigned>(
         "--resync",
         [&options](unsigned seconds) { options.resync = std::chrono::seconds(seconds); },
         "Compare everything with the kernel every N seconds (default 60)")
      ->type_name("N")
      ->check(CLI::Range(1, 86400));
}

void add_listen_options(CLI::App& app, ServiceOptions& options,
                        const std::optional<core::Address>& monitor, std::uint16_t metrics_port,
                        std::uint16_t health_port) {
  options.monitor = monitor;
  options.metrics_port = metrics_port;
  options.health_port = health_port;
  app.add_option_function<std::string>(
         "--monitor-address,--listen",
         [&options](const std::string& text) { options.monitor = monitor_address(text); },
         "Address of health and metrics: one of this host's, all, or node, which is that in\n"
         "NODE_ADDRESS (default " +
             (monitor ? to_string(*monitor) : "all") + ")")
      ->type_name("ADDRESS");
  app.add_option("--monitor-connections", options.monitor_connections,
                 "Connections to each of their ports at a time; beyond, slow ones are closed "
                 "(default " +
                     std::to_string(options.monitor_connections) + ")")
      ->type_name("N")
      ->check(CLI::Range(8, 65535));
  app.add_option(
         "--metrics-port", options.metrics_port,
         "TCP port of /metrics and /status; 0: none (default " + std::to_string(metrics_port) + ")")
      ->type_name("PORT");
  app.add_option(
         "--health-port", options.health_port,
         "TCP port of /healthz and /readyz; 0: none (default " + std::to_string(health_port) + ")")
      ->type_name("PORT");
}

void add_log_options(CLI::App& app, ServiceOptions& options) {
  add_word(app, "--log-format", "FORMAT", "text (the default) or json", log::formats(),
           options.log_format);
  add_word(app, "--log-level", "LEVEL", "debug, info (the default), warning or error",
           log::levels(), options.log_level);
}

void add_fou_options(CLI::App& app, std::uint16_t& port, bool& checksum) {
  app.add_option("--fou-port", port, "UDP port of FoU (default 5555)")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535));
  app.add_flag("!--no-udp-checksum", checksum, "Send tunnel packets without UDP checksums");
}

kube::ClientConfig load_client(const ServiceOptions& options) {
  const kube::Environment environment = kube::process_environment();
  kube::ClientConfig config =
      options.kubeconfig == "in-cluster"
          ? kube::load_in_cluster(environment)
          : kube::load_config({options.kubeconfig, options.context}, environment);
  for (const std::string& warning : config.warnings) log::warning(warning);
  config.trust = options.trust;
  return config;
}

core::ObjectName egress_name(const std::string& text) {
  if (text.empty()) {
    core::ObjectName name{environment("PONA_POD_NAMESPACE"), environment("PONA_EGRESS_NAME")};
    if (name.ns.empty() || name.name.empty()) {
      refuse("--egress NAMESPACE/NAME is needed, or PONA_POD_NAMESPACE and PONA_EGRESS_NAME");
    }
    return name;
  }
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size() ||
      text.find('/', slash + 1) != std::string::npos) {
    refuse("--egress: \"" + text + "\" is not NAMESPACE/NAME");
  }
  return {text.substr(0, slash), text.substr(slash + 1)};
}

std::vector<core::Address> parse_addresses(const std::string& name,
                                           const std::vector<std::string>& texts) {
  return parse_all<core::Address>(name, texts, "IPv4 or IPv6 address");
}

std::vector<core::Prefix> parse_prefixes(const std::string& name,
                                         const std::vector<std::string>& texts) {
  return parse_all<core::Prefix>(name, texts, "IPv4 or IPv6 network");
}

}  // namespace cmd
