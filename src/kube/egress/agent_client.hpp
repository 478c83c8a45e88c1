// What an agent does with a cluster: it reads what its node's clients need, writes the node's
// client lists and tells authors by Events. No thread, no I/O, no clock and no chance of its own:
// agent_cluster.hpp runs it in a thread over HTTPS.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kube/api/client.hpp"
#include "kube/api/event_recorder.hpp"
#include "kube/api/requests.hpp"
#include "kube/api/resource_watches.hpp"
#include "kube/egress/client_list_writer.hpp"

namespace kube {

struct AgentClientOptions {
  std::string context;  // stands before the names of objects in problems
  std::string node;     // that this process runs on
};

class AgentClient : public Client {
 public:
  // `transport` must outlive it.
  AgentClient(Transport& transport, const os::Clock& clock, const AgentClientOptions& options);

  void step() override;
  [[nodiscard]] os::Time due() const override;
  [[nodiscard]] bool synced() const override { return watches_.synced(); }
  bool move_changes(core::ObjectChanges& into) override;
  std::optional<std::vector<Problem>> new_problems(
      const std::vector<std::string>& credentials) override;

  // As AgentSource has them; what is to be done is done by the next step.
  void publish(ClientLists lists) { writer_.publish(std::move(lists)); }
  void note(EventNote note) { events_.record(std::move(note)); }

 private:
  void pass_on();

  Transport& transport_;
  Watches watches_;
  Exchanges exchanges_;
  EventRecorder events_;
  ClientListWriter writer_;
  Reflector* lists_ = nullptr;
  core::ObjectChanges changes_;
};

}  // namespace kube
