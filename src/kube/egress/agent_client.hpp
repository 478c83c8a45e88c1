// What an agent does with a cluster: it reads what its node's clients need, writes the node's
// client lists and tells authors by Events. No thread, no I/O, no clock and no chance of its own:
// agent_source.hpp runs it in a thread over HTTPS.
#pragma once

#include <string>
#include <utility>

#include "kube/api/client_frame.hpp"
#include "kube/egress/client_list_writer.hpp"

namespace kube {

struct AgentClientOptions {
  std::string context;  // stands before the names of objects in problems
  std::string node;     // that this process runs on
  Trust trust{};
};

class AgentClient : public ClientFrame {
 public:
  // `transport` must outlive it.
  AgentClient(Transport& transport, const os::Clock& clock, const AgentClientOptions& options);

  // As AgentSource has them; what is to be done is done by the next step.
  void publish(ClientLists lists) { writer_.publish(std::move(lists)); }
  void note(EventNote note) { events().record(std::move(note)); }

 private:
  void pass_on() override;

  ClientListWriter writer_;
  Reflector* lists_ = nullptr;
};

}  // namespace kube
