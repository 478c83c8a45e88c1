// Options that the long-running applets of the egress side share: where objects come from, where
// health and metrics are served, and how to log.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/serve/http_server.hpp"
#include "cmd/serve/log.hpp"
#include "core/ip.hpp"
#include "core/objects.hpp"
#include "kube/api/kubeconfig.hpp"

namespace CLI {
class App;
}

namespace cmd {

struct ServiceOptions {
  std::string manifests;                  // a directory; empty: the cluster
  std::string kubeconfig = "in-cluster";  // that, or a file
  std::string context;                    // empty: the file's current one
  kube::Trust trust{std::chrono::seconds(60), 50, true};
  std::optional<core::Address> monitor;  // where health and metrics are; empty: all addresses
  std::uint16_t metrics_port = 0;        // 0: none
  std::uint16_t health_port = 0;         // 0: none
  std::size_t monitor_connections = HttpLimits().connections;
  std::chrono::seconds resync{60};
  log::Format log_format = log::Format::text;
  log::Level log_level = log::Level::info;
};

// All are to be called before the command line is parsed; `options` must outlive that.
void add_cluster_options(CLI::App& app, ServiceOptions& options);
void add_source_options(CLI::App& app, ServiceOptions& options);  // those and manifests
// `monitor`: the address without an option; empty: all.
void add_listen_options(CLI::App& app, ServiceOptions& options,
                        const std::optional<core::Address>& monitor, std::uint16_t metrics_port,
                        std::uint16_t health_port);
void add_log_options(CLI::App& app, ServiceOptions& options);
// Of both ends of tunnels.
void add_fou_options(CLI::App& app, std::uint16_t& port, bool& checksum);

// What to do when an address or port of these is taken.
inline constexpr const char* listen_advice =
    "--monitor-address, --metrics-port and --health-port choose another";

// The client's configuration; what is unwise in it is logged. Throws core::Error (usage).
kube::ClientConfig load_client(const ServiceOptions& options);

// "NAMESPACE/NAME", or what PONA_POD_NAMESPACE and PONA_EGRESS_NAME say where it is empty. Throws
// core::Error (usage).
core::ObjectName egress_name(const std::string& text);

// Addresses of an option; `name` stands in messages. Throws core::Error (usage).
std::vector<core::Address> parse_addresses(const std::string& name,
                                           const std::vector<std::string>& texts);
std::vector<core::Prefix> parse_prefixes(const std::string& name,
                                         const std::vector<std::string>& texts);

}  // namespace cmd
