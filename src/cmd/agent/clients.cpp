#include "cmd/agent/clients.hpp"

#include <algorithm>
#include <utility>

#include "cmd/node/agent_protocol.hpp"

namespace cmd {

using core::ObjectName;
using os::Time;

AgentClients::AgentClients(AgentSettings settings, Pass pass, os::Clock clock)
    : settings_(std::move(settings)),
      pass_(std::move(pass)),
      clock_(std::move(clock)),
      paths_(settings_.paths.enabled) {}

void AgentClients::take(const core::ObjectChanges& changes) {
  const AgentObjects::News news = objects_.take(changes);
  for (const ObjectName& pod : news.pods) touch_pod(pod);
  for (const ObjectName& egress : news.egresses) touch_egress(egress);
}

void AgentClients::take(ProbeNews news) {
  if (!news.verdicts) return;
  paths_.take(std::move(news.verdicts));
  for (const ClientKey& key : news.changed) look_again(key);
}

void AgentClients::touch(AgentClient& client) {
  client.due = membership_news_ = true;
  client.not_before = {};
}

void AgentClients::touch_pod(const ObjectName& pod) {
  for (auto& [key, client] : clients_) {
    if (client.sandbox.pod == pod) touch(client);
  }
}

void AgentClients::touch_egress(const ObjectName& egress) {
  for (auto& [key, client] : clients_) {
    const core::Pod* const pod = pod_of(client.sandbox);
    const bool asks = pod != nullptr && std::ranges::binary_search(pod->egresses, egress);
    const auto& known = client.egresses;
    if (asks || std::ranges::find(known, egress) != known.end()) touch(client);
  }
}

void AgentClients::set_sandboxes(const std::vector<Sandbox>& sandboxes,
                                 const std::function<bool(const ClientKey&)>& waits) {
  std::set<ClientKey> there;
  for (const Sandbox& sandbox : sandboxes) {
    const ClientKey key = file_name(sandbox);
    there.insert(key);
    AgentClient& client = clients_[key];
    if (client.sandbox == sandbox) continue;
    // Nobody knows what an agent before this one made there.
    client = AgentClient();
    client.sandbox = sandbox;
    client.configured = true;
    client.found = !complete_;
    membership_news_ = true;
  }
  std::vector<ClientKey> gone;
  for (const auto& [key, client] : clients_) {
    if (!there.contains(key) && !waits(key)) gone.push_back(key);
  }
  for (const ClientKey& key : gone) remove(key);
  complete_ = true;
}

ClientKey AgentClients::add(const Sandbox& sandbox) {
  ClientKey key = file_name(sandbox);
  AgentClient& client = clients_[key];
  if (!(client.sandbox == sandbox)) {
    client = AgentClient();
    client.sandbox = sandbox;
  }
  touch(client);
  return key;
}

void AgentClients::remove(const ClientKey& key) {
  paths_.remove(key);
  clients_.erase(key);
  membership_news_ = true;
}

Time AgentClients::reconcile() {
  Time due = Time::max();
  const Time now = clock_.now();
  for (auto& [key, client] : clients_) {
    if (now >= client.resync && client.ours()) client.due = true;
    if (client.due && now >= client.not_before) look(key, client);
    if (client.due) due = std::min(due, client.not_before);
    if (client.ours()) due = std::min(due, client.resync);
  }
  return due;
}

AgentReply AgentClients::check(const Sandbox& sandbox) {
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

void AgentClients::look_again() {
  for (auto& [key, client] : clients_) client.due = true;
}

void AgentClients::look_again(const ClientKey& key) {
  const auto client = clients_.find(key);
  if (client != clients_.end()) client->second.due = true;
}

const AgentClient* AgentClients::find(const ClientKey& key) const {
  const auto found = clients_.find(key);
  return found == clients_.end() ? nullptr : &found->second;
}

// The pod whose sandbox it is: one of the same name that came later is another one, and so is one
// that was there before. Not every runtime says the uid; then the addresses tell, if they do.
const core::Pod* AgentClients::pod_of(const Sandbox& sandbox) const {
  const core::Pod* const pod = objects_.pod(sandbox.pod);
  if (pod == nullptr) return nullptr;
  if (!sandbox.uid.empty() && !pod->uid.empty()) return sandbox.uid == pod->uid ? pod : nullptr;
  if (sandbox.addresses.empty() || pod->addresses.empty()) return pod;
  const bool same = std::ranges::any_of(pod->addresses, [&](const core::Address& address) {
    return std::ranges::find(sandbox.addresses, address) != sandbox.addresses.end();
  });
  return same ? pod : nullptr;
}

std::vector<const core::Pod*> AgentClients::unknown_pods() const {
  std::set<ObjectName> known;
  for (const auto& [key, client] : clients_) {
    if (pod_of(client.sandbox) != nullptr) known.insert(client.sandbox.pod);
  }
  std::vector<const core::Pod*> pods;
  for (const auto& [name, object] : objects_.pods()) {
    const auto& pod = std::get<core::Pod>(*object);
    const bool asks = (!pod.egresses.empty() || pod.unclear) && !pod.host_network && !pod.finished;
    // Manifests hold those of other nodes, too.
    const bool here = settings_.node.empty() || pod.node.empty() || pod.node == settings_.node;
    if (asks && here && !pod.addresses.empty() && !known.contains(name)) pods.push_back(&pod);
  }
  return pods;
}

}  // namespace cmd
