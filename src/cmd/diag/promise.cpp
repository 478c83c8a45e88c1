#include "cmd/diag/promise.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cmd/edge/ask_running.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/node/call_agent.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/codes.hpp"
#include "kube/decode/json_depth.hpp"

namespace cmd {
namespace {

using core::packet::Promise;
using AgentJson = nlohmann::json;
namespace code = core::packet::code;

constexpr std::chrono::seconds agent_patience{2};

bool concerns(const PortStatus& port, const core::Address& address, std::uint8_t protocol,
              std::uint16_t number) {
  const auto ports = core::PortRange::parse(port.ports);
  const auto named = core::parse_protocol(port.protocol);
  return core::Address::parse(port.address) == address && named &&
         static_cast<std::uint8_t>(*named) == protocol && ports && ports->contains(number);
}

std::string joined(const std::vector<std::string>& reasons) {
  std::string text;
  for (const std::string& reason : reasons) text += (text.empty() ? "" : "; ") + reason;
  return text;
}

std::string text_of(const AgentJson& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>()
                                                                       : std::string();
}

const AgentJson& list_of(const AgentJson& json, const char* key) {
  static const AgentJson none = AgentJson::array();
  if (!json.is_object()) return none;
  const auto found = json.find(key);
  return found != json.end() && found->is_array() ? *found : none;
}

}  // namespace

std::optional<Promise> edge_promise(const std::string& socket, const core::Address& address,
                                    std::uint8_t protocol, std::uint16_t port,
                                    std::string& complaint) {
  EdgeStatus status;
  try {
    const auto text = ask_edge(socket, "/status");
    if (!text) return std::nullopt;
    status = parse_status(*text);
  } catch (const core::Error& error) {
    complaint = error.what();
    return std::nullopt;
  }
  Promise promise;
  promise.kind = Promise::Kind::edge;
  for (const MappingStatus& mapping : status.mappings) {
    for (const PortStatus& one : mapping.ports) {
      if (core::Address::parse(one.address) == address) promise.mapped_address = true;
      if (!concerns(one, address, protocol, port)) continue;
      promise.object = mapping.kind + " " + mapping.ns + "/" + mapping.name;
      if (!one.active) {
        core::packet::Finding finding;
        finding.code = code::address_missing;
        finding.step = 0;
        finding.why = promise.object + " maps it, and " + one.address +
                      " is on no interface of this host: the edge leaves it alone here.";
        finding.fixes.push_back({"ip address add " + one.address + "/32 dev EXTERNAL",
                                 "or --address-policy any, where the address is routed here"});
        promise.problem = std::move(finding);
      } else if (one.endpoints.empty()) {
        core::packet::Finding finding;
        finding.code = code::no_endpoint;
        finding.step = 0;
        finding.why = promise.object + " leads to " +
                      (one.service.empty() ? "a Service" : "Service " + one.service) +
                      ", which has no ready endpoint" +
                      (mapping.reasons.empty() ? "." : ": " + joined(mapping.reasons) + ".");
        finding.fixes.push_back(
            {"kubectl get endpointslices -l kubernetes.io/service-name=" +
                 one.service.substr(one.service.find('/') + 1),
             "which pods are ready; see also the Service's selector and the pods' readiness"});
        promise.problem = std::move(finding);
      }
      return promise;
    }
  }
  return promise;
}

std::optional<Promise> egress_promise(const std::string& socket, const core::ObjectName& pod,
                                      const core::Address& address, std::string& complaint) {
  AgentJson answer;
  try {
    const std::string line =
        call_agent(socket, R"({"version":1,"command":"SHOW"})", agent_patience);
    if (!kube::nested_too_deep(line)) answer = AgentJson::parse(line, nullptr, false);
  } catch (const core::Error& error) {
    complaint = error.what();
    return std::nullopt;
  }
  if (!answer.is_object() || !answer.contains("status")) return std::nullopt;
  const AgentJson& status = answer["status"];
  Promise promise;
  std::optional<core::Prefix> best;
  for (const AgentJson& client : list_of(status, "clients")) {
    if (text_of(client, "namespace") != pod.ns || text_of(client, "pod") != pod.name) continue;
    for (const AgentJson& one : list_of(client, "destinations")) {
      const auto prefix = core::Prefix::parse(text_of(one, "destination"));
      if (!prefix || !prefix->contains(address) || (best && best->length > prefix->length))
        continue;
      best = prefix;
      promise = {};
      const std::string way = text_of(one, "way");
      if (way != "tunnel" && way != "refused") continue;
      promise.kind = Promise::Kind::egress;
      promise.object = "Egress " + text_of(one, "egress");
      promise.closed = way == "refused";
      bool draining = true;
      for (const AgentJson& nat : list_of(one, "natPods")) {
        if (const auto source = core::Address::parse(text_of(nat, "address"))) {
          promise.sources.push_back(*source);
        }
        draining = draining && text_of(nat, "state") == "draining";
      }
      promise.draining = draining && !promise.sources.empty();
    }
  }
  if (promise.kind == Promise::Kind::none) return std::nullopt;
  return promise;
}

}  // namespace cmd
