#include "cmd/agent/loop.hpp"

#include <algorithm>
#include <utility>

#include "cmd/agent/nat_pod_sysctls.hpp"
#include "cmd/node/agent_protocol.hpp"
#include "cmd/serve/log_changes.hpp"
#include "core/constants.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using cni_code::try_again_later;
using core::ObjectName;
using os::Time;

std::string names_of(const std::vector<ObjectName>& names) {
  std::string text;
  for (const ObjectName& name : names) text += (text.empty() ? "" : ", ") + to_string(name);
  return text;
}

}  // namespace

AgentLoop::AgentLoop(kube::Source& source, kube::AgentSource* cluster, AgentSettings settings,
                     Pass pass, os::Clock clock)
    : source_(source),
      cluster_(cluster),
      settings_(std::move(settings)),
      pass_(std::move(pass)),
      clock_(std::move(clock)),
      paths_(settings_.paths, clock_) {}

Time AgentLoop::step() {
  hear();
  Time due = Time::max();
  if (source_.synced() && sandboxes_known_) {
    // Who is no longer a client must be refused before its address is somebody else's.
    publish();
    const Time now = clock_.now();
    for (auto& [key, client] : clients_) {
      const bool ours = client.asks || client.configured || client.nat;
      if (now >= client.resync && ours) client.due = true;
      if (client.due && now >= client.not_before) look(key, client);
      if (client.due) due = std::min(due, client.not_before);
      if (client.asks || client.configured || client.nat) due = std::min(due, client.resync);
    }
    publish();
  }
  serve_waiting();
  for (const Waiting& waiting : waiting_) {
    due = std::min({due, waiting.until_known, std::max(waiting.until_pod, clock_.now() + 1ms)});
  }
  report();
  return report_due_ ? std::min(due, next_report_) : due;
}

void AgentLoop::hear() {
  const AgentObjects::News news = objects_.take(source_.take());
  for (const ObjectName& pod : news.pods) touch_pod(pod);
  for (const ObjectName& egress : news.egresses) touch_egress(egress);
  for (const Key& key : paths_.take_changed()) {
    const auto client = clients_.find(key);
    if (client != clients_.end()) client->second.due = true;
  }
}

void AgentLoop::touch_pod(const ObjectName& pod) {
  for (auto& [key, client] : clients_) {
    if (client.sandbox.pod != pod) continue;
    client.due = publish_due_ = true;
    client.not_before = {};
  }
}

void AgentLoop::touch_egress(const ObjectName& egress) {
  for (auto& [key, client] : clients_) {
    const core::Pod* const pod = pod_of(client.sandbox);
    const bool asks = pod != nullptr && std::ranges::binary_search(pod->egresses, egress);
    if (!asks && std::ranges::find(client.egresses, egress) == client.egresses.end()) continue;
    client.due = publish_due_ = true;
    client.not_before = {};
  }
}

void AgentLoop::set_sandboxes(const std::vector<Sandbox>& sandboxes) {
  std::set<Key> there;
  for (const Sandbox& sandbox : sandboxes) {
    const Key key = file_name(sandbox);
    there.insert(key);
    AgentClient& client = clients_[key];
    if (client.sandbox == sandbox) continue;
    // Nobody knows what an agent before this one made there.
    client = AgentClient();
    client.sandbox = sandbox;
    client.configured = true;
    client.found = !sandboxes_known_;
    publish_due_ = true;
  }
  for (auto client = clients_.begin(); client != clients_.end();) {
    const bool waits = std::ranges::any_of(
        waiting_, [&](const Waiting& waiting) { return waiting.key == client->first; });
    if (there.contains(client->first) || waits) {
      ++client;
      continue;
    }
    paths_.remove(client->first);
    client = clients_.erase(client);
    publish_due_ = true;
  }
  sandboxes_known_ = true;
}

void AgentLoop::add(const Sandbox& sandbox, Answer answer) {
  const Key key = file_name(sandbox);
  AgentClient& client = clients_[key];
  if (!(client.sandbox == sandbox)) {
    client = AgentClient();
    client.sandbox = sandbox;
  }
  client.due = publish_due_ = true;
  client.not_before = {};
  const Time now = clock_.now();
  waiting_.push_back(
      {key, std::move(answer), now + settings_.pod, now + settings_.pod + settings_.acknowledge});
}

void AgentLoop::remove(const Sandbox& sandbox) {
  const Key key = file_name(sandbox);
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (waiting.key != key) return false;
    waiting.answer({try_again_later, "the pod is being removed", ""});
    return true;
  });
  paths_.remove(key);
  clients_.erase(key);
  publish_due_ = true;
}

AgentReply AgentLoop::check(const Sandbox& sandbox) {
  const auto found = clients_.find(file_name(sandbox));
  if (found == clients_.end()) {
    return {cni_code::not_as_added, "this container is not known to the agent",
            "it was not added through the plugin"};
  }
  AgentClient& client = found->second;
  core::ClientInput input = input_of(found->first, client);
  const ClientPass pass =
      pass_(client.sandbox, settings_.client, std::move(input), !client.missing.empty(), true);
  if (pass.gone) return {cni_code::not_as_added, "the network namespace is gone", sandbox.netns};
  if (!pass.error.empty()) return {cni_code::not_as_added, "cannot look into the pod", pass.error};
  if (pass.changes.empty()) return {};
  client.due = true;
  return {cni_code::not_as_added, "the pod's network is not as its Egresses demand",
          std::to_string(pass.changes.size()) + " changes are needed, and are being made"};
}

void AgentLoop::resync() {
  for (auto& [key, client] : clients_) client.due = true;
}

void AgentLoop::look_again(const Key& key) {
  const auto client = clients_.find(key);
  if (client != clients_.end()) client->second.due = true;
}

void AgentLoop::heard(const Key& key, const core::Address& gateway, std::uint64_t nonce, bool known,
                      bool draining) {
  for (const Key& changed : paths_.heard(key, gateway, nonce, known, draining)) {
    const auto client = clients_.find(changed);
    if (client != clients_.end()) client->second.due = true;
  }
}

// The pod whose sandbox it is: one of the same name that came later is another one.
const core::Pod* AgentLoop::pod_of(const Sandbox& sandbox) const {
  const core::Pod* const pod = objects_.pod(sandbox.pod);
  if (pod == nullptr) return nullptr;
  const bool other = !sandbox.uid.empty() && !pod->uid.empty() && sandbox.uid != pod->uid;
  return other ? nullptr : pod;
}

// What the pod asks for as it is now; also notes who is asked and what is missing.
core::ClientInput AgentLoop::input_of(const Key& key, AgentClient& client) {
  core::ClientInput input;
  input.addresses = client.sandbox.addresses;
  client.egresses.clear();
  client.missing.clear();
  const core::Pod* const pod = pod_of(client.sandbox);
  client.asks = pod != nullptr && !pod->host_network && !pod->finished && !pod->egresses.empty();
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
    for (const ObjectName& name : pod->egresses) {
      const core::Egress* const egress = objects_.egress(name);
      if (egress == nullptr) {
        client.missing.push_back(name);
        continue;
      }
      client.egresses.push_back(name);
      input.egresses.push_back({*egress, objects_.gateways(name), {}});
    }
  }
  // All of them at once: a path that is left out for a moment has to be asked anew.
  std::set<core::Address> asked;
  for (const core::ClientEgress& wanted : input.egresses) {
    for (const core::Gateway& gateway : wanted.gateways) {
      const bool reachable = std::ranges::any_of(ends, [&](const core::Address& own) {
        return own.family() == gateway.address.family() &&
               (client.ipv6 || own.family() == core::Family::ipv4);
      });
      if (reachable) asked.insert(gateway.address);
    }
  }
  paths_.set(key, asked);
  if (client.found) paths_.assume(key);
  for (core::ClientEgress& wanted : input.egresses) judge_gateways(key, wanted);
  return input;
}

// Which NAT pods of an Egress carry this client's traffic.
void AgentLoop::judge_gateways(const Key& key, core::ClientEgress& wanted) const {
  for (core::Gateway& gateway : wanted.gateways) {
    gateway.draining = gateway.draining || paths_.draining(gateway.address);
    gateway.usable = paths_.usable(key, gateway.address);
  }
  const bool none_alive = std::ranges::none_of(
      wanted.gateways, [&](const auto& gateway) { return paths_.alive(gateway.address); });
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

void AgentLoop::look(const Key& key, AgentClient& client) {
  client.due = false;
  client.resync = clock_.now() + settings_.resync;
  // The object is gone, and its containers may still be ending: what they have stays until the
  // plugin says that they are gone.
  if (pod_of(client.sandbox) == nullptr) return;
  prepare_nat(client);
  core::ClientInput input = input_of(key, client);
  client.problems = pod_of(client.sandbox)->faults;
  for (const ObjectName& name : client.missing) {
    client.problems.push_back("Egress " + to_string(name) + " is not there");
  }
  if (client.nat) {
    // What pona nat made there would look like a client's that asks no more.
    if (client.asks) client.problems.emplace_back("a NAT pod cannot be a client of an Egress");
    client.asks = client.configured = false;
    return;
  }
  if (!client.asks && !client.configured) return;
  ++passes_;
  const Time begun = clock_.now();
  const ClientPass pass =
      pass_(client.sandbox, settings_.client, std::move(input), !client.missing.empty(), false);
  client.found = false;
  // A namespace that went takes its client out of the lists, one that came back (the runtime mounts
  // it anew) brings it in again.
  if (std::exchange(client.gone, pass.gone) != pass.gone) publish_due_ = true;
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
  if (!pass.changes.empty()) {
    log::info("client", {{"pod", to_string(client.sandbox.pod)},
                         {"changes", std::to_string(pass.changes.size())}});
    log_changes(pass.changes, clock_.now() - begun, core::constants::client_table);
  }
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
void AgentLoop::prepare_nat(AgentClient& client) {
  const core::Pod& pod = *pod_of(client.sandbox);
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

void AgentLoop::publish() {
  if (!std::exchange(publish_due_, false) || cluster_ == nullptr) return;
  kube::ClientLists lists;
  for (const auto& [key, client] : clients_) {
    const core::Pod* const pod = pod_of(client.sandbox);
    if (client.gone || (pod != nullptr && (pod->host_network || pod->finished))) continue;
    for (const ObjectName& name : pod == nullptr ? client.egresses : pod->egresses) {
      if (objects_.egress(name) == nullptr) continue;
      for (const core::Address& address : client.sandbox.addresses) {
        lists[name].push_back(
            {address, client.sandbox.pod, pod == nullptr ? client.uid : pod->uid});
      }
    }
  }
  for (auto& [name, clients] : lists) {
    std::ranges::sort(clients);
    // clang 14 does not compile std::ranges::unique().
    clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
  }
  cluster_->publish(std::move(lists));
}

void AgentLoop::serve_waiting() {
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    const auto reply = judge(*waiting);
    if (!reply) {
      ++waiting;
      continue;
    }
    const Answer answer = std::move(waiting->answer);
    const Key key = waiting->key;
    waiting = waiting_.erase(waiting);
    // What was refused is tried again as another container.
    if (reply->code != 0) {
      paths_.remove(key);
      clients_.erase(key);
      publish_due_ = true;
    }
    answer(*reply);
  }
}

// Empty: it has to wait.
std::optional<AgentReply> AgentLoop::judge(const Waiting& waiting) {
  const Time now = clock_.now();
  const auto found = clients_.find(waiting.key);
  if (found == clients_.end()) return AgentReply{try_again_later, "the pod is being removed", ""};
  const AgentClient& client = found->second;
  if (!source_.synced() || !sandboxes_known_) {
    if (now < waiting.until_pod) return std::nullopt;
    return AgentReply{try_again_later, "the agent does not know the cluster's objects yet",
                      "see: pona egress status"};
  }
  const core::Pod* const pod = pod_of(client.sandbox);
  if (pod == nullptr) {
    if (now < waiting.until_pod) return std::nullopt;
    return AgentReply{
        try_again_later,
        "the API server has not told the agent of pod " + to_string(client.sandbox.pod) + " yet",
        "see: pona egress status"};
  }
  if (!client.missing.empty()) {
    return AgentReply{try_again_later,
                      "pod " + to_string(pod->name) + " asks for Egress " +
                          names_of(client.missing) + ", which is not there",
                      "create it, or take the annotation off"};
  }
  if (!client.error.empty()) {
    return AgentReply{try_again_later, "cannot make the way to the NAT pods", client.error};
  }
  if (client.due) return std::nullopt;
  if (!client.asks) return AgentReply{};
  if (paths_.settled(waiting.key)) return AgentReply{};
  if (now < waiting.until_known) return std::nullopt;
  log::warning("a pod starts before all NAT pods know it: until then its traffic is refused",
               {{"pod", to_string(pod->name)}});
  return AgentReply{};
}

}  // namespace cmd
