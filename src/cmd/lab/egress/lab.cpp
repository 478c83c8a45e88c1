#include "cmd/lab/egress/lab.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "cmd/lab/network.hpp"
#include "cmd/lab/start.hpp"
#include "core/error.hpp"
#include "core/state/diff.hpp"
#include "net/kernel.hpp"
#include "net/route/fou.hpp"

namespace cmd {
namespace {

constexpr std::uint16_t agent_port = 9391;
constexpr std::uint16_t nat_health_port = 8081;

void start_agent(Lab& lab, const std::string& node) {
  lab.home.start(
      node, node,
      {"agent", "--node-name", node, "--manifests", lab.home.manifests(), "--socket",
       lab.home.socket(node), "--sandboxes", sandboxes(lab.home, node), "--listen", "127.0.0.1"});
}

void make_fou_tunnels() {
  core::State wanted;
  for (const char* remote : {"192.0.2.1", "2001:db8::1"}) {
    core::FouTunnel tunnel;
    tunnel.remote = address(remote);
    tunnel.local = core::Address(std::vector<std::uint8_t>(tunnel.remote.size()));
    tunnel.port = core::constants::fou_port;
    wanted.fou_ports.insert({tunnel.family(), tunnel.port});
    const std::string name = "pona-" + std::string(to_string(tunnel.family()));
    wanted.links.emplace(name, core::Link{.name = name, .body = tunnel, .mtu = 1400});
  }
  net::open_kernel(core::client_scope(), false)->apply(core::diff({}, wanted));
}

// Why clients and NAT pods cannot use FoU here; empty: they can. Found out by making tunnels, in a
// namespace that goes with the thread. Modules with devices of their own are not made to load:
// those would appear on the host.
std::string no_fou(const LabHome& lab) {
  std::string why;
  lab.at("outside").run([&] {
    for (const char* module : {"ipip", "ip6_tunnel"}) {
      if (!std::filesystem::exists(std::string("/sys/module/") + module)) {
        why = std::string("the module ") + module + " is not loaded";
      }
    }
    if (!net::Fou().available()) why = "the module fou is not loaded";
    if (!why.empty()) return;
    try {
      if (unshare(CLONE_NEWNET) == 0) make_fou_tunnels();
    } catch (const core::Error& error) {
      why = error.what();
    }
  });
  return why;
}

std::string note_on_tunnels(const std::string& why_not_fou) {
  if (why_not_fou.empty()) return "tunnels: FoU, which this kernel has";
  return "tunnels: VXLAN-GPE, because there is no FoU here: " + why_not_fou +
         " (for FoU: modprobe -a fou fou6 ipip ip6_tunnel)";
}

std::string name_at(const std::string& address_text) {
  const auto has = [&](const EgressPod& pod) {
    return pod.ipv4 == address_text || pod.ipv6 == address_text;
  };
  if (const auto nat = std::ranges::find_if(nat_pods, has); nat != nat_pods.end()) {
    return std::string(nat->name);
  }
  const auto client = std::ranges::find_if(clients, has);
  return client == clients.end() ? address_text : std::string(client->name);
}

std::string address_seen(const std::string& answer) {
  return answer.substr(answer.rfind(' ') + 1);  // npos + 1 is 0
}

}  // namespace

std::vector<std::string> set_up_egress_lab(
    Lab& lab, const std::function<void(const std::string&)>& progress) {
  progress(
      "building the network: two nodes with three clients and two NAT pods, a router, outside");
  build_egress_network(lab.home);
  const std::string why_not = no_fou(lab.home);
  write_manifests(lab.home.manifests(), egress_manifests(why_not.empty() ? "FoU" : "VXLAN"));
  progress("starting the servers, pona nat in the NAT pods and pona agent on both nodes");
  std::vector<std::string> servers = {"outside"};
  for (const EgressPod& client : clients) servers.emplace_back(client.name);
  for (const std::string& name : servers) start_servers(lab.home, name, server_http, server_echo);
  for (const std::string& name : servers) {
    await(lab, name, name, {address("127.0.0.1"), server_http}, "/name");
  }
  for (const EgressPod& nat : nat_pods) start_nat(lab, nat);
  for (const std::string_view node : nodes) start_agent(lab, std::string(node));
  for (const std::string_view node : nodes) {
    await(lab, std::string(node), std::string(node), {address("127.0.0.1"), agent_port}, "/readyz");
  }
  StepReport report;
  for (const char* client : {"client1", "client3"}) await_ways(lab, report, client, both_up);
  if (!report.ok()) {
    const std::string node(egress_pod("client1").node);
    throw core::Error(core::Error::Kind::permanent,
                      "expected " + report.failures.front().expected + ", and it is: " +
                          report.failures.front().seen + "; the last words of the agent on " +
                          node + ":\n" + lab.home.log_tail(node));
  }
  return {note_on_tunnels(why_not)};
}

void start_nat(Lab& lab, const EgressPod& pod) {
  const std::string name(pod.name);
  lab.home.start(
      name, name,
      {"nat", "--manifests", lab.home.manifests(), "--egress", "internet/egress", "--address",
       std::string(pod.ipv4) + ',' + std::string(pod.ipv6), "--listen", "127.0.0.1"});
  await(lab, name, name, {address("127.0.0.1"), nat_health_port}, "/readyz");
}

std::string who_arrived(const std::string& answer) { return name_at(address_seen(answer)); }

Arrival arrival(Lab& lab, std::string_view client, const core::Address& host,
                std::optional<Milliseconds> timeout) {
  Origin origin = from(lab, std::string(client));
  if (timeout) origin.timeout = *timeout;
  const Answer answer = http_get(origin, {host, server_http}, "/");
  if (!answer.ok()) return {{}, answer.error, false};
  Arrival arrived{who_arrived(answer.text), "from " + address_seen(answer.text), true};
  if (arrived.by_nat_pod()) {
    arrived.text += " (NAT pod " + arrived.who + ')';
  } else if (arrived.who == client) {
    arrived.text += " (its own)";
  }
  return arrived;
}

Tally arrivals(Lab& lab, std::string_view client) {
  Tally tally;
  for (const core::Address& host : outside_hosts()) {
    const Arrival arrived = arrival(lab, client, host);
    tally.add({arrived.who, arrived.ok ? "" : arrived.text});
    if (tally.hopeless()) break;
  }
  return tally;
}

Ways ways_of(Lab& lab, std::string_view client) {
  Origin origin = from(lab, std::string(egress_pod(client).node));
  const Answer answer = http_get(origin, {address("127.0.0.1"), agent_port}, "/status");
  const auto status = nlohmann::json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  Ways ways;
  std::map<std::string, std::set<std::string>> addresses;
  if (!status.is_object()) return {{"the agent", answer.error}};
  for (const auto& each : status["clients"]) {
    if (each["pod"] != client) continue;
    for (const auto& destination : each["destinations"]) {
      for (const auto& nat : destination["natPods"]) {
        // What is less than up in one family is told.
        const std::string state = nat["state"];
        const std::string name = name_at(nat["address"]);
        addresses[name].insert(nat["address"]);
        const auto [known, first] = ways.emplace(name, state);
        if (!first && known->second == "up") known->second = state;
      }
    }
  }
  // Each family has a list of its own, and the agent may have read one of them only.
  for (auto& [name, state] : ways) {
    if (state == "up" && addresses[name].size() < 2) state = "up in one family";
  }
  return ways;
}

std::optional<Clock::duration> await_ways(Lab& lab, StepReport& report, std::string_view client,
                                          const Ways& wanted) {
  const auto text = [](const Ways& ways) {
    std::string all;
    for (const auto& [nat, state] : ways) all += (all.empty() ? "" : ", ") + nat + ' ' + state;
    return all.empty() ? "none" : all;
  };
  const auto begin = Clock::now();
  Ways ways;
  const bool so = lab.waiting.until(begin + lab_patience, [&] {
    ways = ways_of(lab, client);
    return ways == wanted;
  });
  report.expect(so, "NAT pods of " + std::string(client) + ": " + text(wanted), text(ways));
  return so ? std::optional(Clock::now() - begin) : std::nullopt;
}

bool set_asking(Lab& lab, StepReport& report, std::string_view client, bool asks) {
  write_manifests(lab.home.manifests(), client_manifest(egress_pod(client), asks));
  return await_ways(lab, report, client, asks ? both_up : Ways{}).has_value();
}

bool ask_anew(Lab& lab, StepReport& report, std::string_view client) {
  if (!set_asking(lab, report, client, false) || !set_asking(lab, report, client, true)) {
    return false;
  }
  // A bucket of a next hop group that is used in the very tick in which it was made counts as idle
  // (net/ipv4/nexthop.c, nh_res_bucket_idle_point), and its connection may be moved.
  lab.waiting.sleep(Milliseconds(30));
  return true;
}

}  // namespace cmd
