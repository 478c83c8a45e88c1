#include "cmd/diag/watch/objects.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "cmd/diag/places.hpp"
#include "cmd/edge/ask_running.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/node/call_agent.hpp"
#include "core/error.hpp"
#include "kube/decode/json_depth.hpp"

namespace cmd {
namespace {

using ClientJson = nlohmann::json;

constexpr std::chrono::seconds agent_answers_in{2};
constexpr std::chrono::seconds each{60};
constexpr std::chrono::seconds for_strangers{5};

std::string word_in(const ClientJson& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>()
                                                                       : std::string();
}

const ClientJson& items_in(const ClientJson& json, const char* key) {
  static const ClientJson none = ClientJson::array();
  if (!json.is_object()) return none;
  const auto found = json.find(key);
  return found != json.end() && found->is_array() ? *found : none;
}

// "10.1.0.11:8080", "[fd00::1]:8080"
void add_endpoint(core::watch::Owners& owners, const std::string& object,
                  const EndpointStatus& endpoint, std::uint8_t protocol) {
  const std::size_t colon = endpoint.address.rfind(':');
  if (colon == std::string::npos) return;
  std::string host = endpoint.address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const auto address = core::Address::parse(host);
  const auto port = core::parse_port(endpoint.address.substr(colon + 1));
  if (address && port) owners.add_endpoint(object, *address, protocol, *port);
}

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
      add_endpoint(owners, object, endpoint, number);
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
  ClientJson answer;
  try {
    const std::string line =
        call_agent(places_.agent_socket, R"({"version":1,"command":"SHOW"})", agent_answers_in);
    if (!kube::nested_too_deep(line)) answer = ClientJson::parse(line, nullptr, false);
  } catch (const core::Error&) {
    return;  // most often there is none
  }
  if (!answer.is_object() || !answer.contains("status")) return;
  const ClientJson& status = answer["status"];
  for (const ClientJson& egress : items_in(status, "egresses")) {
    const std::string object =
        "Egress " + word_in(egress, "namespace") + '/' + word_in(egress, "name");
    for (const ClientJson& one : items_in(egress, "natPods")) {
      if (const auto address = core::Address::parse(word_in(one, "address"))) {
        owners_.add_nat_pod(object, *address);
      }
    }
  }
  for (const ClientJson& client : items_in(status, "clients")) {
    for (const ClientJson& text : items_in(client, "addresses")) {
      const auto address =
          text.is_string() ? core::Address::parse(text.get<std::string>()) : std::nullopt;
      if (!address) continue;
      for (const ClientJson& one : items_in(client, "destinations")) {
        const auto prefix = core::Prefix::parse(word_in(one, "destination"));
        const std::string egress = word_in(one, "egress");
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
