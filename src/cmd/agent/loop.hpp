// The agent's reconcile loop: objects, what the CNI plugin left, and what NAT pods answer -> the
// network namespaces of the pods on this node, and the lists by which NAT pods know them. Knows no
// descriptor of its own and no thread: whoever calls step() does. Before the objects are complete
// it changes nothing.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cmd/agent/clients.hpp"
#include "cmd/agent/publishing.hpp"
#include "cmd/agent/waiting_adds.hpp"
#include "kube/egress/agent_source.hpp"
#include "kube/source.hpp"
#include "os/clock.hpp"

namespace cmd {

class AgentLoop {
 public:
  // `cluster` hears who the clients are; null: nobody does.
  AgentLoop(kube::Source& source, kube::AgentSource* cluster, NatPodProbes& probes,
            const AgentSettings& settings, AgentClients::Pass pass, const os::Clock& clock);

  os::Time step();

  // All that are there: others are gone.
  void set_sandboxes(const std::vector<Sandbox>& sandboxes);
  // `answer` is called once, by a later step() or remove(), unless this ends before.
  void add(const Sandbox& sandbox, WaitingAdds::Answer answer);
  void remove(const Sandbox& sandbox);
  AgentReply check(const Sandbox& sandbox) { return clients_.check(sandbox); }
  [[nodiscard]] bool synced() const { return source_.synced(); }
  void resync() { clients_.look_again(); }
  // Something in its network namespace may be otherwise than it was.
  void look_again(const ClientKey& key) { clients_.look_again(key); }

  [[nodiscard]] const ClientPaths& paths() const { return clients_.paths(); }
  [[nodiscard]] const std::map<ClientKey, AgentClient>& clients() const { return clients_.all(); }
  [[nodiscard]] const AgentObjects& objects() const { return clients_.objects(); }
  [[nodiscard]] const core::ClientSettings& settings() const { return clients_.settings(); }
  [[nodiscard]] const kube::Source& source() const { return source_; }
  // Of what the loop does not know of; told with its own.
  void set_other_troubles(std::vector<std::string> troubles) {
    other_troubles_ = std::move(troubles);
  }
  [[nodiscard]] std::vector<std::string> troubles() const;
  [[nodiscard]] std::uint64_t passes() const { return clients_.passes(); }
  [[nodiscard]] std::uint64_t errors() const { return clients_.errors(); }
  [[nodiscard]] std::vector<const core::Pod*> unknown_pods() const {
    return clients_.unknown_pods();
  }

 private:
  // Everything that there is, is known: what is not, may be taken away.
  [[nodiscard]] bool complete() const { return source_.synced() && clients_.complete(); }
  void report();
  void complain();

  kube::Source& source_;
  NatPodProbes& probes_;
  os::Clock clock_;
  AgentClients clients_;
  WaitingAdds waiting_;
  Publishing publishing_;
  std::vector<std::string> other_troubles_;
  std::set<std::string> told_;
  os::Time next_report_{};
  bool report_due_ = false;
};

}  // namespace cmd
