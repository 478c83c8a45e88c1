#include "cmd/agent/waiting_adds.hpp"

#include <algorithm>
#include <utility>

#include "cmd/node/agent_protocol.hpp"
#include "cmd/serve/log.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using cni_code::try_again_later;

std::string names_of(const std::vector<core::ObjectName>& names) {
  std::string text;
  for (const core::ObjectName& name : names) text += (text.empty() ? "" : ", ") + to_string(name);
  return text;
}

}  // namespace

void WaitingAdds::add(const ClientKey& key, Answer answer) {
  const os::Time now = clock_.now();
  waiting_.push_back({key, std::move(answer), now + for_pod_, now + for_pod_ + for_nat_pods_});
}

bool WaitingAdds::contains(const ClientKey& key) const {
  return std::ranges::find(waiting_, key, &Waiting::key) != waiting_.end();
}

void WaitingAdds::cancel(const ClientKey& key) {
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (waiting.key != key) return false;
    waiting.answer({try_again_later, "the pod is being removed", ""});
    return true;
  });
}

void WaitingAdds::serve(AgentClients& clients, bool synced) {
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    const auto reply = judge(*waiting, clients, synced);
    if (!reply) {
      ++waiting;
      continue;
    }
    const Waiting served = std::move(*waiting);
    waiting = waiting_.erase(waiting);
    // What was refused is tried again as another container.
    if (reply->code != 0) clients.remove(served.key);
    served.answer(*reply);
  }
}

os::Time WaitingAdds::due() const {
  os::Time due = os::Time::max();
  for (const Waiting& waiting : waiting_) {
    due = std::min({due, waiting.until_known, std::max(waiting.until_pod, clock_.now() + 1ms)});
  }
  return due;
}

// Empty: it has to wait.
std::optional<AgentReply> WaitingAdds::judge(const Waiting& waiting, const AgentClients& clients,
                                             bool synced) const {
  const os::Time now = clock_.now();
  const AgentClient* const found = clients.find(waiting.key);
  if (found == nullptr) return AgentReply{try_again_later, "the pod is being removed", ""};
  const AgentClient& client = *found;
  if (!synced || !clients.complete()) {
    if (now < waiting.until_pod) return std::nullopt;
    return AgentReply{try_again_later, "the agent does not know the cluster's objects yet",
                      "see: pona egress status"};
  }
  const core::Pod* const pod = clients.pod_of(client.sandbox);
  // Nobody makes a sandbox for a pod that ends: without a uid, that one is the one before.
  if (pod == nullptr || (pod->terminating && client.sandbox.uid.empty())) {
    if (now < waiting.until_pod) return std::nullopt;
    return AgentReply{try_again_later,
                      "the API server has not yet reported pod " + to_string(client.sandbox.pod),
                      "see: pona egress status"};
  }
  if (client.unclear) {
    return AgentReply{try_again_later,
                      "pod " + to_string(pod->name) +
                          " has an annotation for an Egress that cannot be understood",
                      pod->faults.empty() ? "" : pod->faults.front()};
  }
  if (!client.missing.empty()) {
    return AgentReply{try_again_later,
                      "pod " + to_string(pod->name) + " uses Egress " + names_of(client.missing) +
                          ", which does not exist",
                      "create it, or take the annotation off"};
  }
  if (!client.error.empty()) {
    return AgentReply{try_again_later, "cannot set up the path to the NAT pods", client.error};
  }
  if (client.due) return std::nullopt;
  if (!client.asks) return AgentReply{};
  if (clients.paths().settled(waiting.key)) return AgentReply{};
  if (now < waiting.until_known) return std::nullopt;
  log::warning("a pod starts before all NAT pods know it: until then its traffic is refused",
               {{"pod", to_string(pod->name)}});
  return AgentReply{};
}

}  // namespace cmd
