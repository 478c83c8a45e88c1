// The pods' interfaces on this node, by their sandboxes: which of them are clients, what each is to
// have in its network namespace, and the passes that make it so. Knows no API server, no socket and
// no thread: whoever owns it says what became known, and calls reconcile().
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cmd/agent/client.hpp"
#include "cmd/agent/client_paths.hpp"
#include "cmd/agent/objects.hpp"
#include "cmd/agent/reconcile_client.hpp"
#include "os/clock.hpp"

namespace cmd {

class AgentClients {
 public:
  // pass_client(), except in tests.
  using Pass = std::function<ClientPass(const Sandbox&, const core::ClientSettings&,
                                        core::ClientInput, bool incomplete, bool dry)>;

  AgentClients(AgentSettings settings, Pass pass, os::Clock clock);
  [[nodiscard]] const core::ClientSettings& settings() const { return settings_.client; }

  void take(const core::ObjectChanges& changes);
  void take(ProbeNews news);

  // All sandboxes that are there: others are gone, unless somebody waits for them.
  void set_sandboxes(const std::vector<Sandbox>& sandboxes,
                     const std::function<bool(const ClientKey&)>& waits);
  // They were set once: until then nobody knows who is gone.
  [[nodiscard]] bool complete() const { return complete_; }
  // Looked at with the next pass.
  ClientKey add(const Sandbox& sandbox);
  void remove(const ClientKey& key);
  // What remove() leaves behind, before it: the pod's network is as if it had never asked.
  void undo(const ClientKey& key);

  // Looks at all that are due; when the next one is.
  os::Time reconcile();
  // Whether it is as it must be. Changes nothing.
  AgentReply check(const Sandbox& sandbox);
  void look_again();
  // Something in its network namespace may be otherwise than it was.
  void look_again(const ClientKey& key);

  // Who is a client, or of what, may be otherwise than at the last call.
  bool take_membership_news() { return std::exchange(membership_news_, false); }

  [[nodiscard]] const std::map<ClientKey, AgentClient>& all() const { return clients_; }
  // Null: there is none.
  [[nodiscard]] const AgentClient* find(const ClientKey& key) const;
  [[nodiscard]] const AgentObjects& objects() const { return objects_; }
  ClientPaths& paths() { return paths_; }
  [[nodiscard]] const ClientPaths& paths() const { return paths_; }
  [[nodiscard]] const core::Pod* pod_of(const Sandbox& sandbox) const;
  // Pods that ask, and whose network namespace nobody told the agent of.
  [[nodiscard]] std::vector<const core::Pod*> unknown_pods() const;
  [[nodiscard]] std::uint64_t passes() const { return passes_; }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }

 private:
  void touch(AgentClient& client);
  void touch_pod(const core::ObjectName& pod);
  void touch_egress(const core::ObjectName& egress);
  void look(const ClientKey& key, AgentClient& client);
  void prepare_nat(AgentClient& client, const core::Pod& pod);
  core::ClientInput input_of(const ClientKey& key, AgentClient& client);
  void set_paths(const ClientKey& key, const AgentClient& client, const core::ClientInput& input);
  void judge_gateways(const ClientKey& key, core::ClientEgress& wanted) const;
  void take_result(const ClientKey& key, AgentClient& client, const ClientPass& pass);

  AgentSettings settings_;
  Pass pass_;
  os::Clock clock_;
  AgentObjects objects_;
  ClientPaths paths_;
  std::map<ClientKey, AgentClient> clients_;
  bool complete_ = false;
  bool membership_news_ = true;
  std::uint64_t passes_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace cmd
