#include "cmd/nat/status.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <tuple>
#include <utility>

#include "cmd/serve/metrics_page.hpp"
#include "core/egress/nat_rules.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using core::Family;
using core::NatSet;
using Json = nlohmann::ordered_json;

constexpr std::size_t most_destinations = 20;
constexpr int pause_per_reading = 10;  // times as long as it took

// enum tcp_conntrack (nf_conntrack_tcp.h): from FIN_WAIT on a connection is ending.
constexpr std::uint8_t tcp_established = 3;
constexpr std::uint8_t tcp_syn_sent2 = 9;

bool is_open(const core::Flow& flow) {
  return flow.tcp_state <= tcp_established || flow.tcp_state == tcp_syn_sent2;
}

core::Address address_in(const core::ElementKey& key) { return core::Address(key.key.view()); }

// Of all processors: the file has a line for each, in hexadecimal, below one of names.
std::uint64_t read_insert_failed() {
  std::ifstream file("/proc/net/stat/nf_conntrack");
  std::string line;
  std::getline(file, line);
  std::istringstream names(line);
  std::size_t column = 0;
  for (std::string name; names >> name && name != "insert_failed";) ++column;
  std::uint64_t sum = 0;
  while (std::getline(file, line)) {
    std::istringstream values(line);
    std::string value;
    for (std::size_t i = 0; i <= column && values >> value; ++i) {
    }
    if (values) sum += std::strtoull(value.c_str(), nullptr, 16);
  }
  return sum;
}

void count_clients(net::Kernel& kernel, Family family, std::vector<NatStatus::Client>& clients) {
  const core::Counts counts =
      kernel.counts(family, {NatSet::clients, NatSet::replies, NatSet::opened});
  for (const auto& [key, count] : counts) {
    const core::Address address = address_in(key);
    const auto found = std::ranges::lower_bound(clients, address, {}, &NatStatus::Client::address);
    if (found == clients.end() || found->address != address) continue;
    if (key.set == NatSet::clients) found->sent = count;
    if (key.set == NatSet::replies) found->received = count;
    if (key.set == NatSet::opened) found->connections = count.packets;
  }
}

std::vector<NatStatus::Destination> count_destinations(
    net::Kernel& kernel, const std::vector<NatStatus::Client>& clients) {
  using Key = std::tuple<core::Protocol, core::Address, std::uint16_t>;
  std::map<Key, std::uint64_t> ports;
  kernel.sweep({}, [&](const core::Flow& flow) {
    if (std::ranges::binary_search(clients, flow.original.source, {},
                                   &NatStatus::Client::address)) {
      ++ports[{flow.protocol, flow.original.destination, flow.original.destination_port}];
    }
    return false;
  });
  std::vector<NatStatus::Destination> destinations;
  for (const auto& [key, count] : ports) {
    const auto& [protocol, address, port] = key;
    destinations.push_back({std::string(to_string(protocol)), to_string(address), port, count});
  }
  std::ranges::stable_sort(destinations, std::greater<>(), &NatStatus::Destination::ports);
  if (destinations.size() > most_destinations) destinations.resize(most_destinations);
  return destinations;
}

// Of whose pod; several may share an address for a moment. `address` must outlive the labels.
MetricsPage::Labels labels_of(const NatStatus::Client& client, std::string_view address) {
  static const core::ObjectName unknown;
  const core::ObjectName& pod = client.owners.empty() ? unknown : client.owners.front().pod;
  return {{"namespace", pod.ns}, {"pod", pod.name}, {"address", address}};
}

template <typename Value>
void by_client(MetricsPage& page, const NatStatus& status, std::string_view name,
               std::string_view help, Value value) {
  page.metric(name, "counter", help);
  for (const NatStatus::Client& client : status.clients) {
    const std::string address = to_string(client.address);
    for (const bool sent : {true, false}) {
      MetricsPage::Labels labels = labels_of(client, address);
      labels.emplace_back("direction", sent ? "out" : "in");
      page.sample(labels, value(sent ? client.sent : client.received));
    }
  }
}

}  // namespace

NatStatus collect(const NatLoop& loop, bool draining) {
  NatStatus status;
  status.draining = draining;
  status.ready = loop.ready() && !draining;
  status.troubles = loop.troubles();
  if (const core::Egress* egress = loop.plan().egress()) status.egress = to_string(egress->name);
  for (const auto& [address, owners] : loop.plan().clients()) {
    status.clients.push_back({address, {owners.begin(), owners.end()}, {}, {}, 0});
  }
  for (const auto& [family, table] : loop.plan().state().tables) {
    if (loop.serving()) status.families.push_back(family);
  }
  if (const auto server = loop.source().api_server()) {
    status.api_server_reachable = server->reachable;
  }
  status.errors = loop.errors();
  status.changes = loop.changes();
  return status;
}

void NatCounting::count(NatStatus& status) {
  const auto kernel = net::open_kernel(core::nat_scope(), false);
  for (const core::Family family : status.families) {
    count_clients(*kernel, family, status.clients);
    for (const auto& [key, count] : kernel->counts(family, {NatSet::drops})) {
      std::uint32_t mark = 0;
      std::memcpy(&mark, key.key.view().data(), sizeof mark);
      status.drops[std::string(to_string(static_cast<core::NatDrop>(mark)))] += count.packets;
    }
  }
  const os::Time begun = os::Time::clock::now();
  if (begun >= read_again_at_) {
    destinations_ = count_destinations(*kernel, status.clients);
    const os::Time now = os::Time::clock::now();
    read_again_at_ = now + pause_per_reading * (now - begun);
  }
  status.destinations = destinations_;
  status.conntrack = kernel->conntrack_fill();
  status.insert_failed = read_insert_failed();
}

std::string to_json(const NatStatus& status) {
  Json clients = Json::array();
  for (const NatStatus::Client& client : status.clients) {
    Json pods = Json::array();
    for (const auto& owner : client.owners) {
      pods.push_back(
          Json{{"namespace", owner.pod.ns}, {"name", owner.pod.name}, {"uid", owner.uid}});
    }
    clients.push_back(Json{{"address", to_string(client.address)},
                           {"pods", pods},
                           {"sentPackets", client.sent.packets},
                           {"sentBytes", client.sent.bytes},
                           {"receivedPackets", client.received.packets},
                           {"receivedBytes", client.received.bytes},
                           {"connections", client.connections}});
  }
  Json destinations = Json::array();
  for (const NatStatus::Destination& destination : status.destinations) {
    destinations.push_back(Json{{"protocol", destination.protocol},
                                {"address", destination.address},
                                {"port", destination.port},
                                {"portsInUse", destination.ports}});
  }
  return kube::dump_json(Json{{"egress", status.egress},
                              {"ready", status.ready},
                              {"draining", status.draining},
                              {"troubles", status.troubles},
                              {"clients", clients},
                              {"drops", status.drops},
                              {"destinations", destinations},
                              {"conntrack",
                               {{"entries", status.conntrack.entries},
                                {"limit", status.conntrack.limit},
                                {"insertFailed", status.insert_failed}}}},
                         2) +
         "\n";
}

std::string to_metrics(const NatStatus& status) {
  MetricsPage page("pona_nat_");
  page.single("ready", "gauge", "1: all known clients are in place and it does not drain.",
              status.ready ? 1 : 0);
  page.single("draining", "gauge", "1: it ends as soon as its connections have.",
              status.draining ? 1 : 0);
  if (status.api_server_reachable) {
    page.single("api_server_reachable", "gauge",
                "1 if the last request of each kind to the API server was answered.",
                *status.api_server_reachable ? 1 : 0);
  }
  page.single("clients", "gauge", "Addresses that may use this NAT pod.", status.clients.size());
  by_client(page, status, "client_packets_total",
            "Packets of a client; out: that it sends, in: that it receives.",
            [](const core::Count& count) { return count.packets; });
  by_client(page, status, "client_bytes_total",
            "Bytes of a client, IP headers included; out: that it sends, in: that it receives.",
            [](const core::Count& count) { return count.bytes; });
  page.metric("client_connections_total", "counter", "Connections that a client opened.");
  for (const NatStatus::Client& client : status.clients) {
    const std::string address = to_string(client.address);
    page.sample(labels_of(client, address), client.connections);
  }
  page.metric("dropped_packets_total", "counter", "Packets that were refused, by reason.");
  for (const core::NatDrop drop : core::nat_drops) {
    const auto found = status.drops.find(std::string(to_string(drop)));
    page.sample({{"reason", to_string(drop)}}, found == status.drops.end() ? 0 : found->second);
  }
  page.metric("ports_in_use", "gauge",
              "Source ports in use towards one destination, the 20 with most of them.");
  for (const NatStatus::Destination& destination : status.destinations) {
    const std::string port = std::to_string(destination.port);
    page.sample(
        {{"protocol", destination.protocol}, {"address", destination.address}, {"port", port}},
        destination.ports);
  }
  page.single("conntrack_entries", "gauge", "Tracked connections of this network namespace.",
              status.conntrack.entries);
  page.single("conntrack_limit", "gauge", "How many there may be.", status.conntrack.limit);
  page.single("conntrack_insert_failed_total", "counter",
              "Connections that were dropped because no port was free, or two chose the same.",
              status.insert_failed);
  page.single("changes_total", "counter", "Changes made to the kernel.", status.changes);
  page.single("errors_total", "counter", "Failures to bring the kernel in line.", status.errors);
  return page.take();
}

std::size_t open_connections(net::Kernel& kernel, const KnownClients& known) {
  std::size_t open = 0;
  core::FlowFilter tcp;
  tcp.protocol = core::Protocol::tcp;
  kernel.sweep(tcp, [&](const core::Flow& flow) {
    if (is_open(flow) && known.clients.contains(flow.original.source)) ++open;
    return false;
  });
  return open;
}

std::uint64_t packets_of_clients(net::Kernel& kernel, const std::vector<core::Family>& families) {
  std::uint64_t sum = 0;
  for (const core::Family family : families) {
    for (const auto& [key, count] : kernel.counts(family, {NatSet::clients, NatSet::replies})) {
      sum += count.packets;
    }
  }
  return sum;
}

}  // namespace cmd
