#include "cmd/agent/status.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cmd/serve/metrics_page.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using Json = nlohmann::ordered_json;
using Way = core::ClientDestination::Way;

std::string_view to_string(Way way) {
  switch (way) {
    case Way::tunnel:
      return "tunnel";
    case Way::fence:
      return "refused";
    case Way::pod:
      return "bypass";
    case Way::excluded:
      return "excluded";
  }
  return "?";
}

// From the best on.
constexpr std::array<std::string_view, 5> gateway_states = {"up", "assumed", "draining", "waiting",
                                                            "dead"};

std::string_view gateway_state(const AgentLoop& loop, const std::string& key,
                               const core::Gateway& gateway) {
  if (!loop.paths().alive(gateway.address)) return "dead";
  if (gateway.draining || loop.paths().draining(gateway.address)) return "draining";
  if (!loop.paths().usable(key, gateway.address)) return "waiting";
  return loop.paths().confirmed(key, gateway.address) ? "up" : "assumed";
}

// A Service is what the best of the NAT pods behind it is: nobody can ask the Service itself.
std::string_view way_state(const AgentLoop& loop, const std::string& key,
                           const core::ObjectName& name, const core::Gateway& gateway) {
  const core::Egress* const egress = loop.objects().egress(name);
  if (egress == nullptr || egress->mode == core::Egress::Mode::direct) {
    return gateway_state(loop, key, gateway);
  }
  std::string_view best = gateway_states.back();
  for (const core::Gateway& nat : loop.objects().gateways(name)) {
    if (nat.address.family() != gateway.address.family()) continue;
    const std::string_view state = gateway_state(loop, key, nat);
    if (std::ranges::find(gateway_states, state) < std::ranges::find(gateway_states, best)) {
      best = state;
    }
  }
  return best;
}

Json destination_json(const AgentLoop& loop, const std::string& key,
                      const core::ClientDestination& destination) {
  Json gateways = Json::array();
  for (const core::Gateway& gateway : destination.gateways) {
    gateways.push_back(Json{{"address", core::to_string(gateway.address)},
                            {"state", way_state(loop, key, destination.egress, gateway)}});
  }
  return Json{
      {"destination", core::to_string(destination.destination)},
      {"egress", destination.egress.name.empty() ? "" : core::to_string(destination.egress)},
      {"way", to_string(destination.way)},
      {"natPods", gateways}};
}

Json client_json(const AgentLoop& loop, const std::string& key, const AgentClient& client) {
  Json addresses = Json::array(), destinations = Json::array(), egresses = Json::array();
  for (const core::Address& address : client.sandbox.addresses) {
    addresses.push_back(core::to_string(address));
  }
  for (const core::ObjectName& name : client.egresses) egresses.push_back(core::to_string(name));
  for (const core::ObjectName& name : client.missing) egresses.push_back(core::to_string(name));
  for (const auto& destination : client.destinations) {
    destinations.push_back(destination_json(loop, key, destination));
  }
  Json problems = client.problems;
  if (!client.error.empty()) problems.push_back(client.error);
  return Json{{"namespace", client.sandbox.pod.ns},
              {"pod", client.sandbox.pod.name},
              {"uid", client.uid},
              {"container", client.sandbox.container},
              {"netns", client.sandbox.netns},
              {"addresses", addresses},
              {"egresses", egresses},
              {"destinations", destinations},
              {"problems", problems}};
}

}  // namespace

std::string status_json(const AgentLoop& loop, const std::string& node) {
  Json clients = Json::array(), egresses = Json::array(), problems = Json::array();
  std::map<core::ObjectName, std::size_t> count;
  for (const auto& [key, client] : loop.clients()) {
    if (!client.asks) continue;
    clients.push_back(client_json(loop, key, client));
    for (const core::ObjectName& name : client.egresses) ++count[name];
  }
  for (const auto& [name, object] : loop.objects().egresses()) {
    const auto& egress = std::get<core::Egress>(*object);
    Json gateways = Json::array(), destinations = Json::array();
    for (const core::Gateway& gateway : loop.objects().gateways(name)) {
      const bool alive = loop.paths().alive(gateway.address);
      gateways.push_back(Json{{"address", core::to_string(gateway.address)},
                              {"state", !alive             ? "dead"
                                        : gateway.draining ? "draining"
                                                           : "up"}});
    }
    for (const core::Prefix& prefix : egress.destinations) {
      destinations.push_back(core::to_string(prefix));
    }
    egresses.push_back(
        Json{{"namespace", name.ns},
             {"name", name.name},
             {"mode", egress.mode == core::Egress::Mode::direct ? "Direct" : "Service"},
             {"encapsulation",
              egress.encapsulation == core::Egress::Encapsulation::fou ? "FoU" : "VXLAN"},
             {"destinations", destinations},
             {"natPods", gateways},
             {"clientsHere", count[name]}});
  }
  for (const core::Pod* const pod : loop.unknown_pods()) {
    problems.push_back(
        "pod " + core::to_string(pod->name) +
        " uses an Egress but started before the CNI plugin was installed: restart it");
  }
  for (const kube::Problem& problem : loop.source().problems()) {
    problems.push_back(problem.where + ": " + problem.reason);
  }
  // Ranges of which an Egress takes what one of its destinations lies within.
  Json kept = Json::array();
  for (const core::Prefix& prefix : loop.settings().kept) kept.push_back(core::to_string(prefix));
  return kube::dump_json(Json{{"node", node},
                              {"synced", loop.synced()},
                              {"kept", kept},
                              {"troubles", loop.troubles()},
                              {"problems", problems},
                              {"egresses", egresses},
                              {"clients", clients}});
}

std::string status_metrics(const AgentLoop& loop) {
  MetricsPage page("pona_agent_");
  std::size_t clients = 0, broken = 0, fenced = 0;
  for (const auto& [key, client] : loop.clients()) {
    if (!client.asks) continue;
    ++clients;
    if (!client.error.empty() || !client.missing.empty()) ++broken;
    for (const auto& destination : client.destinations) {
      if (destination.way == Way::fence) ++fenced;
    }
  }
  page.single("synced", "gauge", "1: the objects are complete.", loop.synced() ? 1 : 0);
  if (const auto server = loop.source().api_server()) {
    page.single("api_server_reachable", "gauge",
                "1 if the last request of each kind to the API server was answered.",
                server->reachable ? 1 : 0);
  }
  page.single("sandboxes", "gauge", "Pods of this node whose network namespace is known.",
              loop.clients().size());
  page.single("clients", "gauge", "Of these, pods that use an Egress.", clients);
  page.single("clients_with_problems", "gauge", "Clients that are not as their annotations demand.",
              broken);
  page.single("refused_destinations", "gauge", "Destinations of clients with no usable NAT pod.",
              fenced);
  page.single("pods_unknown", "gauge",
              "Pods that use an Egress and whose network namespace is not known.",
              loop.unknown_pods().size());
  page.metric("pod_unserved", "gauge",
              "1: a pod that uses an Egress and runs without pona; restart it.");
  for (const core::Pod* const pod : loop.unknown_pods()) {
    page.sample({{"namespace", pod->name.ns}, {"pod", pod->name.name}}, 1);
  }
  page.metric("gateway_up", "gauge", "1: the NAT pod answers.");
  for (const auto& [name, object] : loop.objects().egresses()) {
    for (const core::Gateway& gateway : loop.objects().gateways(name)) {
      const std::string address = core::to_string(gateway.address);
      page.sample({{"namespace", name.ns}, {"egress", name.name}, {"address", address}},
                  loop.paths().alive(gateway.address) ? 1 : 0);
    }
  }
  page.single("passes_total", "counter", "Looks into clients' network namespaces.", loop.passes());
  page.single("errors_total", "counter", "Passes that failed to apply the plan.", loop.errors());
  return page.take();
}

}  // namespace cmd
