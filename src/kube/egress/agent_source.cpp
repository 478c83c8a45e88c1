#include "kube/egress/agent_source.hpp"

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "kube/api/client_thread.hpp"
#include "kube/egress/agent_client.hpp"

namespace kube {
namespace {

class ThreadedAgentSource : public AgentSource {
 public:
  explicit ThreadedAgentSource(const AgentClusterOptions& options)
      : thread_(
            options.config, options.user_agent,
            [&](Transport& transport, const os::Clock& clock) {
              auto client = std::make_unique<AgentClient>(
                  transport, clock, AgentClientOptions{options.config.context, options.node});
              client_ = client.get();
              return client;
            },
            [this] { hear(); }) {}

  [[nodiscard]] int wake_fd() const override { return thread_.wake_fd(); }
  core::ObjectChanges take() override { return thread_.take(); }
  [[nodiscard]] bool synced() const override { return thread_.synced(); }
  [[nodiscard]] std::vector<Problem> problems() const override { return thread_.problems(); }
  [[nodiscard]] std::size_t ignored() const override { return 0; }

  void publish(ClientLists lists) override {
    {
      const std::lock_guard lock(mutex_);
      lists_ = std::move(lists);
    }
    thread_.call();
  }
  void note(EventNote note) override {
    {
      const std::lock_guard lock(mutex_);
      notes_.push_back(std::move(note));
    }
    thread_.call();
  }

 private:
  void hear() {
    std::optional<ClientLists> lists;
    std::vector<EventNote> notes;
    {
      const std::lock_guard lock(mutex_);
      lists.swap(lists_);
      notes.swap(notes_);
    }
    if (lists) client_->publish(*std::move(lists));
    for (EventNote& note : notes) client_->note(std::move(note));
  }

  std::mutex mutex_;
  std::optional<ClientLists> lists_;  // not heard yet
  std::vector<EventNote> notes_;      // likewise
  AgentClient* client_ = nullptr;     // the thread's alone
  ClientThread thread_;               // goes first: it uses the rest
};

}  // namespace

std::unique_ptr<AgentSource> open_agent_cluster(const AgentClusterOptions& options) {
  return std::make_unique<ThreadedAgentSource>(options);
}

}  // namespace kube
