#include "cmd/diag/promise.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cmd/edge/ask_running.hpp"
#include "cmd/edge/status.hpp"
#include "cmd/node/agent_status.hpp"
#include "core/edge/forward.hpp"
#include "core/edge/obstruction.hpp"
#include "core/egress/plan_client.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/codes.hpp"
#include "kube/decode/json_at.hpp"

namespace cmd {
namespace {

using core::packet::Finding;
using core::packet::Promise;
using AgentJson = nlohmann::ordered_json;
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

bool has(const MappingStatus& mapping, core::Obstruction obstruction) {
  return std::ranges::find(mapping.obstructions, to_string(obstruction)) !=
         mapping.obstructions.end();
}

// Of "203.0.113.5:443/tcp", "[2001:db8::5]:5000-5010/udp".
bool is_about(const std::string& text, const core::Address& address, std::uint8_t protocol,
              std::uint16_t port) {
  const auto key = core::parse_forward_key(text);
  return key && key->address == address && static_cast<std::uint8_t>(key->protocol) == protocol &&
         key->ports.contains(port);
}

// Of a protocol that is never mapped any port will do: the answer still says that an edge is here.
core::ForwardKey question_of(const core::Address& address, std::uint8_t protocol,
                             std::uint16_t port) {
  for (const core::Protocol one :
       {core::Protocol::tcp, core::Protocol::udp, core::Protocol::sctp}) {
    if (static_cast<std::uint8_t>(one) == protocol) return {address, one, {port, port}};
  }
  return {address, core::Protocol::tcp, {1, 1}};
}

// What is wrong with an object that asks for the address and port and does not get it.
Finding problem_of(const std::string& object, const MappingStatus& mapping) {
  Finding finding;
  finding.code = code::object_rejected;
  finding.step = 0;
  finding.why = object + " asks for it, and is not in effect: " + joined(mapping.reasons) + ".";
  finding.fixes = {{"pona mapping show " + mapping.name + " --namespace " + mapping.ns,
                    "the object, and what is wrong with it"}};
  const std::string service = "kubectl get service --namespace " + mapping.ns;
  if (has(mapping, core::Obstruction::no_service)) {
    finding.code = code::no_service;
    finding.fixes = {{service, "which Services there are"}};
  } else if (has(mapping, core::Obstruction::no_port)) {
    finding.code = code::no_port;
    finding.fixes = {{service + " -o wide", "which ports they have"}};
  } else if (has(mapping, core::Obstruction::conflict)) {
    finding.code = code::conflict;
  } else if (has(mapping, core::Obstruction::no_endpoint)) {
    finding.code = code::no_endpoint;
  }
  return finding;
}

// The same of a port that it has.
std::optional<Finding> problem_of(const std::string& object, const MappingStatus& mapping,
                                  const PortStatus& port) {
  Finding finding;
  finding.step = 0;
  if (!port.active) {
    finding.code = code::address_missing;
    finding.why = object + " maps it, and " + port.address +
                  " is on no interface of this host, so the edge does not serve it here.";
    const bool four = port.address.find(':') == std::string::npos;
    finding.fixes.push_back(
        {"ip address add " + port.address + (four ? "/32" : "/128") + " dev EXTERNAL",
         "EXTERNAL is the interface towards clients; where routers send the address here without "
         "that, start pona edge with --address-policy any"});
    return finding;
  }
  if (!port.endpoints.empty()) return std::nullopt;
  finding.code = code::no_endpoint;
  const std::string service = port.service.empty() ? "its Service" : "Service " + port.service;
  finding.why = object + " leads to " + service + ", which has no ready endpoint.";
  finding.fixes.push_back(
      {"kubectl get endpointslices --namespace " + mapping.ns +
           " -l kubernetes.io/service-name=" + port.service.substr(port.service.find('/') + 1),
       "which pods are ready; see the Service's selector and the pods' readiness"});
  return finding;
}

// Somebody else who asks for what this one has.
std::optional<Finding> rival_of(const EdgeStatus& status, const MappingStatus& winner,
                                const core::Address& address, std::uint8_t protocol,
                                std::uint16_t port) {
  for (const MappingStatus& mapping : status.mappings) {
    if (&mapping == &winner) continue;
    const bool asks = std::ranges::any_of(mapping.unserved, [&](const std::string& one) {
      return is_about(one, address, protocol, port);
    });
    if (!asks) continue;
    Finding finding;
    finding.code = code::conflict;
    finding.fatal = false;
    finding.step = 0;
    finding.why = mapping.kind + " " + mapping.ns + "/" + mapping.name +
                  " asks for it as well, and does not get it: " + joined(mapping.reasons) + ".";
    finding.fixes.push_back({"pona mapping list --all-namespaces", "who has what"});
    return finding;
  }
  return std::nullopt;
}

}  // namespace

std::string about_text(const core::Address& address, std::uint8_t protocol, std::uint16_t port) {
  return to_string(question_of(address, protocol, port));
}

std::string ask_edge_status(const std::string& socket, const std::string& about,
                            std::string& complaint) {
  try {
    return ask_edge(socket, about.empty() ? "/status" : "/status?about=", about).value_or("");
  } catch (const core::Error& error) {
    complaint = error.what();
    return "";
  }
}

std::string ask_agent_status(const std::string& socket, std::string& complaint) {
  try {
    return ask_agent_status(socket, agent_patience);
  } catch (const core::Error& error) {
    complaint = error.what();
    return "";
  }
}

Promise promise_in(const EdgeStatus& status, const core::Address& address, std::uint8_t protocol,
                   std::uint16_t port) {
  Promise promise;
  promise.kind = Promise::Kind::edge;
  for (const MappingStatus& mapping : status.mappings) {
    for (const PortStatus& one : mapping.ports) {
      if (!concerns(one, address, protocol, port)) continue;
      promise.object = mapping.kind + " " + mapping.ns + "/" + mapping.name;
      promise.problem = problem_of(promise.object, mapping, one);
      promise.rival = rival_of(status, mapping, address, protocol, port);
      return promise;
    }
  }
  // Whoever asks for it and does not get it.
  for (const MappingStatus& mapping : status.mappings) {
    const bool asks = std::ranges::any_of(mapping.unserved, [&](const std::string& one) {
      return is_about(one, address, protocol, port);
    });
    if (!asks) continue;
    promise.object = mapping.kind + " " + mapping.ns + "/" + mapping.name;
    promise.problem = problem_of(promise.object, mapping);
    return promise;
  }
  return promise;
}

std::optional<Promise> edge_promise(const std::string& status_text, const core::Address& address,
                                    std::uint8_t protocol, std::uint16_t port,
                                    std::string& complaint) {
  if (status_text.empty()) return std::nullopt;
  try {
    return promise_in(parse_status(status_text), address, protocol, port);
  } catch (const core::Error& error) {
    complaint = error.what();
    return std::nullopt;
  }
}

bool is_kept(std::span<const core::Prefix> kept, const core::Address& address,
             const core::Prefix& destination) {
  return std::ranges::any_of(kept, [&](const core::Prefix& one) {
    return one.length > destination.length && one.contains(address);
  });
}

std::optional<Promise> egress_promise(const std::string& status_text, const core::ObjectName& pod,
                                      const core::Address& address) {
  const AgentJson status = agent_status_in(status_text);
  std::vector<core::Prefix> kept;
  for (const std::string& one : kube::texts_at(status, "kept")) {
    if (const auto prefix = core::Prefix::parse(one)) kept.push_back(*prefix);
  }
  if (kept.empty()) kept = core::private_ranges();  // an agent of before, which does not say
  Promise promise;
  std::optional<core::Prefix> best;
  for (const AgentJson& client : kube::list_at(status, "clients")) {
    if (kube::text_at(client, "namespace") != pod.ns || kube::text_at(client, "pod") != pod.name)
      continue;
    for (const AgentJson& one : kube::list_at(client, "destinations")) {
      const auto prefix = core::Prefix::parse(kube::text_at(one, "destination"));
      if (!prefix || !prefix->contains(address) || (best && best->length > prefix->length))
        continue;
      best = prefix;
      promise = {};
      const std::string way = kube::text_at(one, "way");
      if (way != "tunnel" && way != "refused") continue;
      promise.kind = Promise::Kind::egress;
      promise.object = "Egress " + kube::text_at(one, "egress");
      promise.closed = way == "refused";
      bool draining = true;
      for (const AgentJson& nat : kube::list_at(one, "natPods")) {
        if (const auto source = core::Address::parse(kube::text_at(nat, "address"))) {
          promise.sources.push_back(*source);
        }
        draining = draining && kube::text_at(nat, "state") == "draining";
      }
      promise.draining = draining && !promise.sources.empty();
    }
  }
  if (promise.kind == Promise::Kind::none || is_kept(kept, address, *best)) return std::nullopt;
  return promise;
}

}  // namespace cmd
