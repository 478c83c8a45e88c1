// What an agent's loop tells people: its troubles, its complaints in the log, and Events on pods.
#include <utility>

#include "cmd/agent/loop.hpp"
#include "cmd/serve/log_changes.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

// Whoever has many pods has something to say often: it is gathered for so long.
constexpr os::Time::duration report_pause = 1s;
// The plugin tells of a pod before its kubelet does; files and watches may take a moment longer.
constexpr os::Time::duration unserved_grace = 10s;

std::string nat_trouble(const AgentClient& client) {
  return "NAT pod " + to_string(client.sandbox.pod) + ": " + client.nat_error;
}

}  // namespace

std::vector<std::string> AgentLoop::troubles() const {
  std::vector<std::string> troubles;
  if (!source_.synced()) {
    troubles.emplace_back("the objects are not complete: nothing is changed before");
  }
  for (const auto& [key, client] : clients_) {
    if (!client.error.empty() && client.asks) {
      troubles.push_back("pod " + to_string(client.sandbox.pod) + ": " + client.error);
    }
  }
  for (const auto& [key, client] : clients_) {
    if (!client.nat_error.empty()) troubles.push_back(nat_trouble(client));
  }
  troubles.insert(troubles.end(), other_troubles_.begin(), other_troubles_.end());
  return troubles;
}

std::vector<const core::Pod*> AgentLoop::unknown_pods() const {
  std::set<core::ObjectName> known;
  for (const auto& [key, client] : clients_) {
    if (pod_of(client.sandbox) != nullptr) known.insert(client.sandbox.pod);
  }
  std::vector<const core::Pod*> pods;
  for (const auto& [name, object] : objects_.pods()) {
    const auto& pod = std::get<core::Pod>(*object);
    const bool asks = !pod.egresses.empty() && !pod.host_network && !pod.finished;
    // Manifests hold those of other nodes, too.
    const bool here = settings_.node.empty() || pod.node.empty() || pod.node == settings_.node;
    if (asks && here && !pod.addresses.empty() && !known.contains(name)) pods.push_back(&pod);
  }
  return pods;
}

void AgentLoop::report() {
  const os::Time now = clock_.now();
  report_due_ = now < next_report_;
  if (report_due_) return;
  next_report_ = now + report_pause;
  complain();
  if (cluster_ != nullptr && source_.synced() && sandboxes_known_) note_pods();
}

void AgentLoop::complain() {
  std::set<std::string> complaints(other_troubles_.begin(), other_troubles_.end());
  for (const kube::Problem& problem : source_.problems()) {
    complaints.insert(problem.where + ": " + problem.reason);
  }
  for (const auto& [key, client] : clients_) {
    if (!client.nat_error.empty()) complaints.insert(nat_trouble(client));
    if (!client.asks) continue;
    const std::string pod = "pod " + to_string(client.sandbox.pod) + ": ";
    for (const std::string& problem : client.problems) complaints.insert(pod + problem);
    if (!client.error.empty()) complaints.insert(pod + client.error);
  }
  log_difference(
      told_, complaints, [](const std::string& text) { return text; }, "no longer so");
}

// What only this node knows. The controller tells of Egresses that are not there.
void AgentLoop::note_pods() {
  std::map<core::ObjectName, os::Time> unknown;
  const os::Time now = clock_.now();
  for (const core::Pod* const pod : unknown_pods()) {
    const auto before = unknown_since_.find(pod->name);
    const os::Time since = before == unknown_since_.end() ? now : before->second;
    unknown.emplace(pod->name, since);
    if (now - since < unserved_grace) {
      report_due_ = true;
      continue;
    }
    note(pod->name, pod->uid, "EgressNotConfigured",
         "its network namespace is not known: it was made without pona's CNI plugin in the chain; "
         "create the pod anew");
  }
  unknown_since_ = std::move(unknown);
  for (const auto& [key, client] : clients_) {
    if (client.asks && !client.error.empty()) {
      note(client.sandbox.pod, client.uid, "EgressFailed",
           "cannot make the way to the NAT pods: " + client.error);
    } else if (!unknown_since_.contains(client.sandbox.pod)) {
      noted_.erase(client.sandbox.pod);
    }
  }
  std::erase_if(noted_, [&](const auto& one) { return objects_.pod(one.first) == nullptr; });
}

void AgentLoop::note(const core::ObjectName& pod, const std::string& uid, const std::string& reason,
                     const std::string& text) {
  std::string& last = noted_[pod];
  if (last == uid + text) return;
  last = uid + text;
  cluster_->note({{core::Kind::pod, pod}, uid, /*warning=*/true, reason, "ConfigureEgress", text});
}

}  // namespace cmd
