#include "cmd/agent/publishing.hpp"

#include <algorithm>
#include <utility>

namespace cmd {
namespace {

using namespace std::chrono_literals;

// The plugin tells of a pod before its kubelet does; files and watches may take a moment longer.
constexpr os::Time::duration unserved_grace = 10s;

}  // namespace

kube::ClientLists client_lists(const AgentClients& clients) {
  kube::ClientLists lists;
  for (const auto& [key, client] : clients.all()) {
    const core::Pod* const pod = clients.pod_of(client.sandbox);
    if (client.gone || (pod != nullptr && (pod->host_network || pod->finished))) continue;
    for (const core::ObjectName& name : pod == nullptr ? client.egresses : pod->egresses) {
      if (clients.objects().egress(name) == nullptr) continue;
      for (const core::Address& address : client.sandbox.addresses) {
        lists[name].push_back(
            {address, client.sandbox.pod, pod == nullptr ? client.uid : pod->uid});
      }
    }
  }
  for (auto& [name, members] : lists) {
    std::ranges::sort(members);
    // clang 14 does not compile std::ranges::unique().
    members.erase(std::unique(members.begin(), members.end()), members.end());
  }
  return lists;
}

void Publishing::publish(AgentClients& clients) {
  if (clients.take_membership_news() && cluster_ != nullptr) {
    cluster_->publish(client_lists(clients));
  }
}

// What only this node knows. The controller tells of Egresses that are not there.
bool Publishing::note_pods(const AgentClients& clients) {
  if (cluster_ == nullptr) return false;
  bool again = false;
  std::map<core::ObjectName, os::Time> unknown;
  const os::Time now = clock_.now();
  for (const core::Pod* const pod : clients.unknown_pods()) {
    const auto before = unknown_since_.find(pod->name);
    const os::Time since = before == unknown_since_.end() ? now : before->second;
    unknown.emplace(pod->name, since);
    if (now - since < unserved_grace) {
      again = true;
      continue;
    }
    note(pod->name, pod->uid, "EgressNotConfigured",
         "its network namespace is not known: it was made without pona's CNI plugin in the chain; "
         "recreate the pod");
  }
  unknown_since_ = std::move(unknown);
  for (const auto& [key, client] : clients.all()) {
    if (client.asks && !client.error.empty()) {
      note(client.sandbox.pod, client.uid, "EgressFailed",
           "cannot set up the path to the NAT pods: " + client.error);
    } else if (!unknown_since_.contains(client.sandbox.pod)) {
      noted_.erase(client.sandbox.pod);
    }
  }
  std::erase_if(noted_,
                [&](const auto& one) { return clients.objects().pod(one.first) == nullptr; });
  return again;
}

void Publishing::note(const core::ObjectName& pod, const std::string& uid,
                      const std::string& reason, const std::string& text) {
  std::string& last = noted_[pod];
  if (last == uid + text) return;
  last = uid + text;
  cluster_->note({{core::Kind::pod, pod}, uid, /*warning=*/true, reason, "ConfigureEgress", text});
}

}  // namespace cmd
