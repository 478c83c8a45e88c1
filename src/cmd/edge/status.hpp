// What `pona edge status` tells, as plain values: made from the running plan or from the kernel
// alone, printed as text, JSON or metrics. Nothing here asks the kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/edge/claims/address_pools.hpp"

namespace cmd {

// In the way of a Prometheus histogram, but each bucket counts for itself.
struct Durations {
  static constexpr std::array<double, 13> bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                    0.25,  0.5,    1,     2.5,  5,     10};
  std::array<std::uint64_t, bounds.size() + 1> buckets{};
  std::uint64_t count = 0;
  double sum = 0;  // seconds

  void add(double seconds);
};

// What the loop counts while it runs.
struct EdgeStatistics {
  Durations syncs;
  std::uint64_t changes = 0;                    // applied
  std::uint64_t flows = 0;                      // conntrack entries deleted
  std::map<std::string, std::uint64_t> errors;  // by what failed: "sync", "sweep"
};

struct TrafficStatus {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

struct EndpointStatus {
  std::string address;  // "10.1.0.2:8080"
  double share = 0;     // percent of new connections
  bool draining = false;
  std::uint64_t connections = 0;  // new ones so far, by all Mappings that lead here
};

// Of both directions.
struct PortTraffic {
  TrafficStatus received;  // from clients
  TrafficStatus sent;      // to clients
};

struct PortStatus {
  std::string address;
  std::string protocol;
  std::string ports;    // "443", "5000-5010"
  std::string service;  // "ns/name"; empty when only the kernel was asked
  bool active = true;
  std::uint64_t connections = 0;       // new ones so far, without refused ones
  std::optional<PortTraffic> traffic;  // empty: not counted
  std::uint64_t refused_source = 0;
  std::uint64_t refused_connections = 0;
  std::uint64_t refused_rate = 0;
  std::uint64_t refused_endpoints = 0;  // for lack of them, since there are none
  std::vector<EndpointStatus> endpoints;
};

// Of a Mapping, or of a Service of type LoadBalancer.
struct MappingStatus {
  std::string kind = "Mapping";
  std::string ns;
  std::string name;
  std::string state;  // active, inactive, degraded, rejected
  std::vector<std::string> reasons;
  std::vector<PortStatus> ports;
  std::vector<std::string> obstructions{};  // the reasons in words for programs: "Conflict"
  std::vector<std::string> unserved{};      // "203.0.113.5:443/tcp"; the first 100
};

// An endpoint towards which one of this host's addresses has most source ports in use.
struct SourcePortsStatus {
  std::string endpoint;  // "10.1.0.2:8080"
  std::string protocol;
  std::string source;  // the host's address
  std::uint64_t used = 0;
  std::uint64_t limit = 0;
};

struct InterfaceStatus {
  std::string name;
  std::string gateway4;  // empty: none
  std::string gateway6;
};

struct ProcessStatus {
  std::int64_t pid = 0;
  std::string version;
  std::string commit;
  std::int64_t started = 0;    // Unix seconds
  std::int64_t last_sync = 0;  // Unix seconds; 0: none succeeded yet
  // When the objects were saved that are in use because the source could not be read since the
  // start, Unix seconds; 0: they are the source's own.
  std::int64_t stale_since = 0;
  bool healthy = false;
  bool ready = false;
  std::vector<std::string> troubles;  // why not
  EdgeStatistics statistics;
  std::optional<bool> api_server_reachable;  // empty: no cluster is the source
  bool leading = false;                      // it writes status for all edges of the cluster
};

struct EdgeStatus {
  std::optional<ProcessStatus> process;  // empty: from the kernel alone
  bool counted = true;                   // else no counter was read, and none is told
  std::vector<MappingStatus> mappings;   // by namespace and name
  std::vector<InterfaceStatus> interfaces;
  std::vector<std::pair<std::string, std::string>> rejections;  // object, reason
  std::vector<std::pair<std::string, std::string>> problems;    // file:line, reason
  std::vector<std::string> warnings;
  std::uint64_t obstacles = 0;  // chains of other programs that drop mapped traffic; they are in
                                // the warnings
  std::map<std::string, std::uint64_t> objects;  // by kind
  // Objects that are rejected because of a limit, by the setting. Of a running process only.
  std::map<std::string, std::uint64_t> over_limits;
  // Of a running process only.
  std::vector<core::AddressPools::Use> pools;
  std::uint64_t ignored = 0;  // documents of other kinds
  std::uint64_t conntrack_entries = 0;
  std::uint64_t conntrack_limit = 0;
  // Of a running process only, the fullest first; those that are far from full are not in it.
  std::vector<SourcePortsStatus> source_ports;
};

// For people: what is wrong first, then what there is.
struct StatusLayout {
  std::optional<std::size_t> width;      // of the terminal, in characters; empty: lines may be long
  std::optional<std::size_t> most_rows;  // of a list; empty: all of them
  std::string selection;                 // what was chosen from the whole, in words; empty: all
};
std::string to_text(const EdgeStatus& status, const StatusLayout& layout = {});
std::string to_json(const EdgeStatus& status);

// Which series of traffic: each port and each endpoint of 10,000 would be 90,000 of them.
enum class MetricsScope : std::uint8_t { mappings, ports, endpoints };
std::string to_metrics(const EdgeStatus& status, MetricsScope scope = MetricsScope::mappings);

// Throws core::Error when `text` is not what to_json wrote. Fields that it lacks are as if empty,
// so that client and process of different versions understand each other. Statistics are not in it.
EdgeStatus parse_status(std::string_view text);

std::string rfc3339(std::int64_t unix_seconds);  // "2024-05-01T12:00:00Z"

}  // namespace cmd
