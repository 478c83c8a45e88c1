// What a client is to have, and the look into its network namespace that makes it so.
#include <algorithm>
#include <utility>

#include "cmd/agent/clients.hpp"
#include "cmd/agent/nat_pod_sysctls.hpp"
#include "cmd/serve/log_changes.hpp"
#include "core/constants.hpp"

namespace cmd {

// What the pod asks for as it is now; also notes who is asked and what is missing.
core::ClientInput AgentClients::input_of(const ClientKey& key, AgentClient& client) {
  core::ClientInput input;
  input.addresses = client.sandbox.addresses;
  client.egresses.clear();
  client.missing.clear();
  const core::Pod* const pod = pod_of(client.sandbox);
  const bool may_ask = pod != nullptr && !pod->host_network && !pod->finished;
  client.unclear = may_ask && pod->unclear;
  client.asks = client.unclear || (may_ask && !pod->egresses.empty());
  if (pod != nullptr) client.uid = pod->uid;
  if (pod != nullptr && input.addresses.empty()) input.addresses = pod->addresses;
  // One of each family: the tunnels' ends.
  std::vector<core::Address> ends;
  for (const core::Address& address : input.addresses) {
    if (std::ranges::find(ends, address.family(), &core::Address::family) == ends.end()) {
      ends.push_back(address);
    }
  }
  input.addresses = ends;
  if (client.asks) {
    for (const core::ObjectName& name : pod->egresses) {
      const core::Egress* const egress = objects_.egress(name);
      if (egress == nullptr) {
        client.missing.push_back(name);
        continue;
      }
      client.egresses.push_back(name);
      input.egresses.push_back({*egress, objects_.gateways(name), {}});
    }
  }
  set_paths(key, client, input);
  for (core::ClientEgress& wanted : input.egresses) judge_gateways(key, wanted);
  return input;
}

// All of them at once: a path that is left out for a moment has to be asked anew.
void AgentClients::set_paths(const ClientKey& key, const AgentClient& client,
                             const core::ClientInput& input) {
  std::set<core::Address> asked;
  for (const core::ClientEgress& wanted : input.egresses) {
    for (const core::Gateway& gateway : wanted.gateways) {
      const bool reachable = std::ranges::any_of(input.addresses, [&](const core::Address& own) {
        return own.family() == gateway.address.family() &&
               (client.ipv6 || own.family() == core::Family::ipv4);
      });
      // From a NAT pod nobody asks.
      if (reachable && !client.nat) asked.insert(gateway.address);
    }
  }
  const Sandbox& sandbox = client.sandbox;
  paths_.set(
      key,
      {sandbox.netns, sandbox.cookie, client.uid, sandbox.addresses, sandbox.pod.ns, client.gone},
      asked, client.found);
}

// Which NAT pods of an Egress carry this client's traffic.
void AgentClients::judge_gateways(const ClientKey& key, core::ClientEgress& wanted) const {
  for (core::Gateway& gateway : wanted.gateways) {
    gateway.draining = gateway.draining || paths_.draining(gateway.address);
    gateway.usable = paths_.usable(key, gateway.address);
  }
  const bool none_alive = std::ranges::none_of(
      wanted.gateways, [&](const auto& gateway) { return paths_.alive(key, gateway.address); });
  // All of them dead is as likely to be a probe that is not let through: nothing is lost by
  // trying, unless there is another way out.
  if (none_alive && wanted.egress.on_unavailable == core::Egress::OnUnavailable::drop) {
    for (core::Gateway& gateway : wanted.gateways) gateway.usable = true;
  }
  if (wanted.egress.mode == core::Egress::Mode::service) {
    for (const core::Gateway& gateway : wanted.gateways) wanted.senders.push_back(gateway.address);
    wanted.gateways.clear();
    for (const core::Address& address : objects_.cluster_ips(wanted.egress.name)) {
      wanted.gateways.push_back({address, false, true});
    }
  }
}

void AgentClients::look(const ClientKey& key, AgentClient& client) {
  client.due = false;
  client.resync = clock_.now() + settings_.resync;
  // The object is gone, and its containers may still be ending: what they have stays until the
  // plugin says that they are gone.
  const core::Pod* const pod = pod_of(client.sandbox);
  if (pod == nullptr) return;
  prepare_nat(client, *pod);
  core::ClientInput input = input_of(key, client);
  client.problems = pod->faults;
  for (const core::ObjectName& name : client.missing) {
    client.problems.push_back("Egress " + to_string(name) + " does not exist");
  }
  if (client.nat) {
    // What pona nat made there would look like a client's that asks no more.
    if (client.asks) client.problems.emplace_back("a NAT pod cannot be a client of an Egress");
    client.asks = client.configured = false;
    return;
  }
  if (!client.asks && !client.configured) return;
  ++passes_;
  const os::Time begun = clock_.now();
  const bool incomplete = !client.missing.empty() || client.unclear;
  const ClientPass pass =
      pass_(client.sandbox, settings_.client, std::move(input), incomplete, false);
  take_result(key, client, pass);
  if (!pass.changes.empty()) {
    log::info("client", {{"pod", to_string(client.sandbox.pod)},
                         {"changes", std::to_string(pass.changes.size())}});
    log_changes(pass.changes, clock_.now() - begun, core::constants::client_table);
  }
}

// Its namespace may live on after DEL. A record that is merely gone opens nothing: see remove().
void AgentClients::undo(const ClientKey& key) {
  const auto found = clients_.find(key);
  if (found == clients_.end()) return;
  AgentClient& client = found->second;
  if (client.nat || !client.ours()) return;
  core::ClientInput input;
  input.addresses = client.sandbox.addresses;
  const ClientPass pass = pass_(client.sandbox, settings_.client, std::move(input), false, false);
  if (!pass.error.empty()) {
    log::warning("cannot take back what was made for a pod",
                 {{"pod", to_string(client.sandbox.pod)}, {"error", pass.error}});
  }
}

void AgentClients::take_result(const ClientKey& key, AgentClient& client, const ClientPass& pass) {
  client.found = false;
  // A namespace that went takes its client out of the lists, one that came back (the runtime mounts
  // it anew) brings it in again.
  if (std::exchange(client.gone, pass.gone) != pass.gone) membership_news_ = true;
  paths_.set_gone(key, pass.gone);
  // NAT pods cannot be asked by it, and are not waited for.
  if (std::exchange(client.ipv6, pass.ipv6) != pass.ipv6) client.due = true;
  client.destinations = pass.plan.destinations;
  client.problems.insert(client.problems.end(), pass.plan.problems.begin(),
                         pass.plan.problems.end());
  if (pass.gone) {
    // Whoever removes the sandbox says so; until then there is nothing to be done.
    client.error = "its network namespace is not at " + client.sandbox.netns + " any more";
    client.configured = false;
    return;
  }
  client.configured = client.asks || !pass.error.empty();
  client.error = pass.error;
  if (pass.error.empty()) {
    client.backoff = {};
    client.not_before = {};
    return;
  }
  ++errors_;
  client.due = true;
  client.not_before = clock_.now() + client.backoff.next(!pass.permanent);
}

// An error is no reason to refuse the pod: its own manifest may set the parameters, which the
// runtime does later. Until they are right the pod is not ready.
void AgentClients::prepare_nat(AgentClient& client, const core::Pod& pod) {
  client.nat = pod.nat && !pod.host_network && !pod.finished;
  client.nat_error.clear();
  if (!client.nat) return;
  const NatSandbox pass = prepare_nat_sandbox(client.sandbox);
  for (const std::string& parameter : pass.changes) {
    log::info("NAT pod", {{"pod", to_string(pod.name)}, {"set", parameter + "=1"}});
  }
  client.nat_error = pass.error;
  if (!pass.error.empty()) client.resync = std::min(client.resync, clock_.now() + Backoff::longest);
}

}  // namespace cmd
