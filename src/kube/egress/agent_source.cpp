#include "kube/egress/agent_source.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "kube/api/threaded_source.hpp"
#include "kube/egress/agent_client.hpp"

namespace kube {
namespace {

struct AgentMail {
  std::optional<ClientLists> lists;
  std::vector<EventNote> notes;

  void deliver(AgentClient& client) {
    if (lists) client.publish(*std::move(lists));
    for (EventNote& note : notes) client.note(std::move(note));
  }
};

class ThreadedAgentSource : public ThreadedSource<AgentSource, AgentClient, AgentMail> {
 public:
  explicit ThreadedAgentSource(const AgentClusterOptions& options)
      : ThreadedSource(
            options.config, options.user_agent, [&](Transport& transport, const os::Clock& clock) {
              return std::make_unique<AgentClient>(
                  transport, clock,
                  AgentClientOptions{options.config.context, options.node, options.config.trust});
            }) {}

  void publish(ClientLists lists) override {
    post([&](AgentMail& mail) { mail.lists = std::move(lists); });
  }
  void note(EventNote note) override {
    post([&](AgentMail& mail) { mail.notes.push_back(std::move(note)); });
  }
};

}  // namespace

std::unique_ptr<AgentSource> open_agent_cluster(const AgentClusterOptions& options) {
  return std::make_unique<ThreadedAgentSource>(options);
}

}  // namespace kube
