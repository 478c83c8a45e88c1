#include "cmd/diag/watch/objects.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "cmd/diag/places.hpp"
#include "cmd/edge/ask_running.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/node/agent_status.hpp"
#include "core/edge/forward.hpp"
#include "core/error.hpp"
#include "kube/decode/json_at.hpp"

namespace cmd {
namespace {

using ClientJson = nlohmann::ordered_json;

constexpr std::chrono::seconds agent_answers_in{2};
constexpr std::chrono::seconds each{60};
constexpr std::chrono::seconds for_strangers{5};

void add_mapping(core::watch::Owners& owners, const MappingStatus& mapping) {
  const std::string object = mapping.kind + ' ' + mapping.ns + '/' + mapping.name;
  for (const PortStatus& port : mapping.ports) {
    const auto address = core::Address::parse(port.address);
    const auto protocol = core::parse_protocol(port.protocol);
    const auto ports = core::PortRange::parse(port.ports);
    if (!address || !protocol || !ports) continue;
    const auto number = static_cast<std::uint8_t>(*protocol);
    owners.add_port(object, *address, number, *ports);
    for (const EndpointStatus& endpoint : port.endpoints) {
      if (const auto at = core::parse_backend(endpoint.address)) {
        owners.add_endpoint(object, at->address, number, at->ports.first);
      }
    }
  }
}

}  // namespace

void WatchObjects::look(os::Time now, bool stranger) {
  if (asked_ && now - last_ < (stranger ? for_strangers : each)) return;
  asked_ = true;
  last_ = now;
  owners_ = {};
  notes_.clear();
  ask_edge_of_host();
  ask_agent_of_host();
  read_sandboxes();
  if (owners_.empty() && notes_.empty()) {
    notes_.emplace_back(
        "no running edge or agent is found here, or it has no objects: connections are shown "
        "without the Mapping or Egress behind them (--socket, --agent-socket)");
  }
}

void WatchObjects::ask_edge_of_host() {
  try {
    const auto text = ask_edge(places_.edge_socket, "/status");
    if (!text) return;
    for (const MappingStatus& mapping : parse_status(*text).mappings) add_mapping(owners_, mapping);
  } catch (const core::Error& error) {
    notes_.push_back("the edge at " + places_.edge_socket + " does not answer: " + error.what());
  }
}

void WatchObjects::ask_agent_of_host() {
  ClientJson status;
  try {
    status = agent_status_in(ask_agent_status(places_.agent_socket, agent_answers_in));
  } catch (const core::Error&) {
    return;  // most often there is none
  }
  for (const ClientJson& egress : kube::list_at(status, "egresses")) {
    const std::string object =
        "Egress " + kube::text_at(egress, "namespace") + '/' + kube::text_at(egress, "name");
    for (const ClientJson& one : kube::list_at(egress, "natPods")) {
      if (const auto address = core::Address::parse(kube::text_at(one, "address"))) {
        owners_.add_nat_pod(object, *address);
      }
    }
  }
  for (const ClientJson& client : kube::list_at(status, "clients")) {
    for (const std::string& text : kube::texts_at(client, "addresses")) {
      const auto address = core::Address::parse(text);
      if (!address) continue;
      for (const ClientJson& one : kube::list_at(client, "destinations")) {
        const auto prefix = core::Prefix::parse(kube::text_at(one, "destination"));
        const std::string egress = kube::text_at(one, "egress");
        if (prefix && !egress.empty()) owners_.add_client("Egress " + egress, *address, *prefix);
      }
    }
  }
}

void WatchObjects::read_sandboxes() {
  for (const Sandbox& sandbox : SandboxStore(places_.sandboxes).all()) {
    if (sandbox.pod.name.empty()) continue;
    for (const core::Address& address : sandbox.addresses) {
      owners_.add_pod(address, "pod " + to_string(sandbox.pod));
    }
  }
}

}  // namespace cmd
