// The status in Prometheus' text format, version 0.0.4.
#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <optional>
#include <utility>

#include "cmd/edge/status.hpp"
#include "cmd/serve/metrics_page.hpp"

namespace cmd {

void Durations::add(double seconds) {
  const auto bucket = std::ranges::lower_bound(bounds, seconds);
  ++buckets[static_cast<std::size_t>(bucket - bounds.begin())];
  ++count;
  sum += seconds;
}

namespace {

using Labels = MetricsPage::Labels;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

Labels labels_of(const MappingStatus& mapping, const PortStatus& port) {
  return {{"kind", mapping.kind},    {"namespace", mapping.ns}, {"mapping", mapping.name},
          {"address", port.address}, {"port", port.ports},      {"protocol", port.protocol}};
}

Labels operator+(Labels labels, std::pair<std::string_view, std::string_view> label) {
  labels.push_back(label);
  return labels;
}

// One family after the other: the format wants a family's samples together.
template <typename Visit>
void each_port(const EdgeStatus& status, Visit visit) {
  for (const MappingStatus& mapping : status.mappings) {
    for (const PortStatus& port : mapping.ports) visit(labels_of(mapping, port), port);
  }
}

// The sum over a Mapping's ports, where it is counted.
template <typename Visit>
void each_traffic(const EdgeStatus& status, Visit visit) {
  for (const MappingStatus& mapping : status.mappings) {
    std::optional<PortTraffic> all;
    for (const PortStatus& port : mapping.ports) {
      if (!port.traffic) continue;
      if (!all) all.emplace();
      all->received.packets += port.traffic->received.packets;
      all->received.bytes += port.traffic->received.bytes;
      all->sent.packets += port.traffic->sent.packets;
      all->sent.bytes += port.traffic->sent.bytes;
    }
    if (all) visit(mapping, *all);
  }
}

struct Refusal {
  std::string_view reason;
  std::uint64_t PortStatus::*count;
};
constexpr std::array<Refusal, 4> refusals = {{{"source", &PortStatus::refused_source},
                                              {"connections", &PortStatus::refused_connections},
                                              {"rate", &PortStatus::refused_rate},
                                              {"endpoints", &PortStatus::refused_endpoints}}};
constexpr const char* refusals_help =
    "Dropped attempts to connect, by reason: source not allowed, too many connections, too high a "
    "rate, no endpoint (while there is none).";

// A series that has counted nothing is not written: most Mappings refuse nobody, for all reasons.
void traffic_of_mappings(MetricsPage& page, const EdgeStatus& status) {
  const auto sum = [](const MappingStatus& mapping, std::uint64_t PortStatus::*count) {
    std::uint64_t all = 0;
    for (const PortStatus& port : mapping.ports) all += port.*count;
    return all;
  };
  const auto labels = [](const MappingStatus& mapping) {
    return Labels{{"kind", mapping.kind}, {"namespace", mapping.ns}, {"mapping", mapping.name}};
  };
  page.metric("mapping_connections_total", "counter",
              "New connections to the ports of a Mapping or Service, without refused ones.");
  for (const MappingStatus& mapping : status.mappings) {
    page.sample(labels(mapping), sum(mapping, &PortStatus::connections));
  }
  page.metric("mapping_packets_total", "counter",
              "Packets of a Mapping or Service; in: from clients, out: to clients. Counted with "
              "--accounting traffic.");
  each_traffic(status, [&](const MappingStatus& mapping, const PortTraffic& traffic) {
    page.sample(labels(mapping) + std::pair{"direction", "in"}, traffic.received.packets);
    page.sample(labels(mapping) + std::pair{"direction", "out"}, traffic.sent.packets);
  });
  page.metric("mapping_bytes_total", "counter",
              "Bytes of a Mapping or Service, IP headers included; in: from clients, out: to "
              "clients. Counted with --accounting traffic.");
  each_traffic(status, [&](const MappingStatus& mapping, const PortTraffic& traffic) {
    page.sample(labels(mapping) + std::pair{"direction", "in"}, traffic.received.bytes);
    page.sample(labels(mapping) + std::pair{"direction", "out"}, traffic.sent.bytes);
  });
  page.metric("mapping_refused_total", "counter", refusals_help);
  for (const MappingStatus& mapping : status.mappings) {
    for (const Refusal& refusal : refusals) {
      const std::uint64_t count = sum(mapping, refusal.count);
      if (count != 0) page.sample(labels(mapping) + std::pair{"reason", refusal.reason}, count);
    }
  }
}

void traffic_of_ports(MetricsPage& page, const EdgeStatus& status) {
  page.metric("mapping_port_packets_total", "counter",
              "Packets of a mapped port; in: from clients, out: to clients. Counted with "
              "--accounting traffic.");
  each_port(status, [&](const Labels& labels, const PortStatus& port) {
    if (!port.traffic) return;
    page.sample(labels + std::pair{"direction", "in"}, port.traffic->received.packets);
    page.sample(labels + std::pair{"direction", "out"}, port.traffic->sent.packets);
  });
  page.metric("mapping_port_bytes_total", "counter",
              "Bytes of a mapped port, IP headers included; in: from clients, out: to clients. "
              "Counted with --accounting traffic.");
  each_port(status, [&](const Labels& labels, const PortStatus& port) {
    if (!port.traffic) return;
    page.sample(labels + std::pair{"direction", "in"}, port.traffic->received.bytes);
    page.sample(labels + std::pair{"direction", "out"}, port.traffic->sent.bytes);
  });
  page.metric("mapping_port_connections_total", "counter",
              "New connections to a mapped port, without refused ones.");
  each_port(status, [&](const Labels& labels, const PortStatus& port) {
    page.sample(labels, port.connections);
  });
  page.metric("mapping_port_refused_total", "counter", refusals_help);
  each_port(status, [&](const Labels& labels, const PortStatus& port) {
    for (const Refusal& refusal : refusals) {
      page.sample(labels + std::pair{"reason", refusal.reason}, port.*refusal.count);
    }
  });
  page.metric("mapping_port_endpoints", "gauge",
              "Endpoints that take new connections of a mapped port.");
  each_port(status, [&](const Labels& labels, const PortStatus& port) {
    page.sample(labels, static_cast<std::uint64_t>(
                            std::ranges::count(port.endpoints, false, &EndpointStatus::draining)));
  });
}

// Endpoints are counted once, however many Mappings lead to them.
void traffic_of_endpoints(MetricsPage& page, const EdgeStatus& status) {
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> endpoints;
  each_port(status, [&](const Labels&, const PortStatus& port) {
    // An endpoint of a range has no counter of its own.
    if (port.ports.find('-') != std::string::npos) return;
    for (const EndpointStatus& endpoint : port.endpoints) {
      endpoints[{endpoint.address, port.protocol}] = endpoint.connections;
    }
  });
  page.metric("endpoint_connections_total", "counter",
              "New connections that were sent to an endpoint, by all mapped single ports.");
  for (const auto& [endpoint, connections] : endpoints) {
    page.sample({{"endpoint", endpoint.first}, {"protocol", endpoint.second}}, connections);
  }
}

void traffic(MetricsPage& page, const EdgeStatus& status, MetricsScope scope) {
  traffic_of_mappings(page, status);
  if (scope == MetricsScope::ports) traffic_of_ports(page, status);
  if (scope == MetricsScope::endpoints) traffic_of_endpoints(page, status);
}

void objects(MetricsPage& page, const EdgeStatus& status) {
  page.metric("objects", "gauge", "Objects that were read, by kind.");
  for (const auto& [kind, count] : status.objects) page.sample({{"kind", kind}}, count);
  page.metric("mappings", "gauge", "Mappings by state.");
  for (const char* state : {"active", "inactive", "degraded", "rejected"}) {
    page.sample({{"state", state}}, static_cast<std::uint64_t>(std::ranges::count(
                                        status.mappings, state, &MappingStatus::state)));
  }
  page.single("rejections", "gauge", "Reasons why objects are not, or not fully, in effect.",
              status.rejections.size());
  page.metric("objects_over_limit", "gauge",
              "Objects that are rejected because of a limit, by the setting.");
  for (const auto& [limit, number] : status.over_limits) page.sample({{"limit", limit}}, number);
  page.metric("pool_addresses", "gauge", "Addresses of an AddressPool.");
  for (const auto& pool : status.pools) page.sample({{"pool", pool.pool}}, number(pool.addresses));
  page.metric("pool_addresses_used", "gauge",
              "Addresses of an AddressPool that Mappings or Services have.");
  for (const auto& pool : status.pools) page.sample({{"pool", pool.pool}}, pool.used);
  page.single("problems", "gauge", "Documents that could not be read or are not valid.",
              status.problems.size());
  page.single("ignored_documents", "gauge", "Documents of kinds that are not read.",
              status.ignored);
  page.single("warnings", "gauge", "What is wrong with the host.", status.warnings.size());
  page.single("dropping_chains", "gauge",
              "Chains of other programs, of nftables or iptables, that drop mapped traffic.",
              status.obstacles);
  page.single("conntrack_entries", "gauge", "Connections that the host tracks.",
              status.conntrack_entries);
  page.single("conntrack_limit", "gauge", "Connections that the host can track.",
              status.conntrack_limit);
  const auto source_ports = [&](std::uint64_t SourcePortsStatus::*value) {
    for (const SourcePortsStatus& ports : status.source_ports) {
      page.sample(
          {{"endpoint", ports.endpoint}, {"protocol", ports.protocol}, {"source", ports.source}},
          ports.*value);
    }
  };
  page.metric("source_ports_used", "gauge",
              "Source ports that an address of this host has in use towards an endpoint; of those "
              "with at least 80 % in use.");
  source_ports(&SourcePortsStatus::used);
  page.metric("source_ports_limit", "gauge", "Source ports that it has towards that endpoint.");
  source_ports(&SourcePortsStatus::limit);
}

void process(MetricsPage& page, const ProcessStatus& process) {
  page.metric("build_info", "gauge", "Always 1; the labels tell what runs.");
  page.sample({{"version", process.version}, {"commit", process.commit}}, 1);
  page.single("start_time_seconds", "gauge", "When the process started, in Unix time.",
              static_cast<std::uint64_t>(process.started));
  page.single("healthy", "gauge", "1 if the kernel is as planned and the process responds.",
              process.healthy ? 1 : 0);
  page.single("ready", "gauge", "1 if traffic is forwarded, perhaps by an older plan.",
              process.ready ? 1 : 0);
  page.single("objects_stale", "gauge",
              "1 if the objects are saved ones: the API server has not been read since the start.",
              process.stale_since != 0 ? 1 : 0);
  if (process.api_server_reachable) {
    page.single("api_server_reachable", "gauge",
                "1 if the last request of each kind to the API server was answered.",
                *process.api_server_reachable ? 1 : 0);
    page.single("leading", "gauge", "1 if this edge writes status for all edges of the cluster.",
                process.leading ? 1 : 0);
  }
  page.single("last_sync_timestamp_seconds", "gauge",
              "When the kernel was last known to be as planned, in Unix time; 0: never.",
              static_cast<std::uint64_t>(process.last_sync));

  const EdgeStatistics& statistics = process.statistics;
  page.metric(
      "sync_duration_seconds", "histogram",
      "From news to the kernel's commit, each time there was something to plan or compare.");
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < Durations::bounds.size(); ++i) {
    below += statistics.syncs.buckets[i];
    page.sample({{"le", number(Durations::bounds[i])}}, std::to_string(below), "_bucket");
  }
  page.sample({{"le", "+Inf"}}, std::to_string(statistics.syncs.count), "_bucket");
  page.sample({}, number(statistics.syncs.sum), "_sum");
  page.sample({}, std::to_string(statistics.syncs.count), "_count");
  page.single("changes_applied_total", "counter", "Changes made in the kernel.",
              statistics.changes);
  page.single("conntrack_deleted_total", "counter",
              "Tracked connections that were ended because they led nowhere any more.",
              statistics.flows);
  page.metric("errors_total", "counter", "Failures of system calls, by what was attempted.");
  for (const char* stage : {"sync", "sweep"}) {
    const auto found = statistics.errors.find(stage);
    page.sample({{"stage", stage}}, found == statistics.errors.end() ? 0 : found->second);
  }
}

}  // namespace

std::string to_metrics(const EdgeStatus& status, MetricsScope scope) {
  MetricsPage page("pona_edge_");
  if (status.process) process(page, *status.process);
  objects(page, status);
  traffic(page, status, scope);
  return page.take();
}

}  // namespace cmd
