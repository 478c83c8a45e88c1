// The agent's reconcile loop: objects, what the CNI plugin left, and what NAT pods answer -> the
// network namespaces of the pods on this node, and the lists by which NAT pods know them. Knows no
// descriptor of its own and no thread: whoever calls step() does. Before the objects are complete
// it changes nothing.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cmd/agent/nat_pod_health.hpp"
#include "cmd/agent/objects.hpp"
#include "cmd/agent/reconcile_client.hpp"
#include "cmd/node/sandbox_record.hpp"
#include "cmd/serve/backoff.hpp"
#include "kube/egress/agent_source.hpp"
#include "kube/source.hpp"
#include "os/clock.hpp"

namespace cmd {

struct AgentSettings {
  std::string node;  // its name; empty: the source knows no pods but this node's
  core::ClientSettings client;
  PathSettings paths;
  std::chrono::milliseconds acknowledge{2000};  // how long an ADD waits for NAT pods
  std::chrono::milliseconds pod{2000};          // and for news of the pod
  std::chrono::seconds resync{60};
};

// The answer to a request of the CNI plugin.
struct AgentReply {
  int code = 0;  // of the CNI specification; 0: well
  std::string message;
  std::string details;
};

// One pod's interface, and what became of it.
struct AgentClient {
  Sandbox sandbox;
  bool due = true;                        // to be looked at
  bool found = false;                     // by this agent as it started, and not yet looked at
  bool asks = false;                      // for any Egress: it is a client
  std::string uid;                        // of the pod
  bool nat = false;                       // it is a NAT pod, whatever else it is
  std::string nat_error;                  // why its parameters are not as it needs them
  bool configured = false;                // something of ours may be in its namespace
  bool gone = false;                      // the namespace is
  bool ipv6 = true;                       // is not disabled there
  std::vector<core::ObjectName> missing;  // Egresses that it asks for and that are not there
  std::vector<core::ObjectName> egresses;
  std::vector<core::ClientDestination> destinations;
  std::vector<std::string> problems;
  std::string error;
  Backoff backoff;
  os::Time not_before{};
  os::Time resync{};
};

class AgentLoop {
 public:
  using Key = std::string;  // file_name() of a sandbox
  using Answer = std::function<void(const AgentReply&)>;
  // pass_client(), except in tests.
  using Pass = std::function<ClientPass(const Sandbox&, const core::ClientSettings&,
                                        core::ClientInput, bool incomplete, bool dry)>;

  // `cluster` hears who the clients are; null: nobody does.
  AgentLoop(kube::Source& source, kube::AgentSource* cluster, AgentSettings settings, Pass pass,
            os::Clock clock);

  os::Time step();

  // All that are there: others are gone.
  void set_sandboxes(const std::vector<Sandbox>& sandboxes);
  // `answer` is called once, perhaps at once; never after forget().
  void add(const Sandbox& sandbox, Answer answer);
  void remove(const Sandbox& sandbox);
  AgentReply check(const Sandbox& sandbox);
  [[nodiscard]] bool synced() const { return source_.synced(); }
  void resync();
  // Something in its network namespace may be otherwise than it was.
  void look_again(const Key& key);

  AgentPaths& paths() { return paths_; }
  [[nodiscard]] const AgentPaths& paths() const { return paths_; }
  // An answer came through this client's tunnel.
  void heard(const Key& key, const core::Address& gateway, std::uint64_t nonce, bool known,
             bool draining);

  [[nodiscard]] const std::map<Key, AgentClient>& clients() const { return clients_; }
  [[nodiscard]] const AgentObjects& objects() const { return objects_; }
  [[nodiscard]] const kube::Source& source() const { return source_; }
  // Of what the loop does not know of; told with its own.
  void set_other_troubles(std::vector<std::string> troubles) {
    other_troubles_ = std::move(troubles);
  }
  [[nodiscard]] std::vector<std::string> troubles() const;
  [[nodiscard]] std::uint64_t passes() const { return passes_; }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }

  // Pods that ask, and whose network namespace nobody told the agent of.
  [[nodiscard]] std::vector<const core::Pod*> unknown_pods() const;
  [[nodiscard]] const core::Pod* pod_of(const Sandbox& sandbox) const;

 private:
  struct Waiting {
    Key key;
    Answer answer;
    os::Time until_pod, until_known;
  };

  void hear();
  void touch_pod(const core::ObjectName& pod);
  void touch_egress(const core::ObjectName& egress);
  void look(const Key& key, AgentClient& client);
  void prepare_nat(AgentClient& client);
  core::ClientInput input_of(const Key& key, AgentClient& client);
  void judge_gateways(const Key& key, core::ClientEgress& wanted) const;
  void publish();
  void serve_waiting();
  std::optional<AgentReply> judge(const Waiting& waiting);
  void report();
  void complain();
  void note_pods();
  void note(const core::ObjectName& pod, const std::string& uid, const std::string& reason,
            const std::string& text);

  kube::Source& source_;
  kube::AgentSource* cluster_;
  AgentSettings settings_;
  Pass pass_;
  os::Clock clock_;
  AgentObjects objects_;
  AgentPaths paths_;
  std::map<Key, AgentClient> clients_;
  bool sandboxes_known_ = false;
  bool publish_due_ = true;
  kube::ClientLists published_;
  std::vector<Waiting> waiting_;
  std::uint64_t passes_ = 0;
  std::uint64_t errors_ = 0;
  std::vector<std::string> other_troubles_;
  std::set<std::string> told_;
  std::map<core::ObjectName, std::string> noted_;       // by Events, to their authors
  std::map<core::ObjectName, os::Time> unknown_since_;  // of unknown_pods()
  os::Time next_report_{};
  bool report_due_ = false;
};

}  // namespace cmd
