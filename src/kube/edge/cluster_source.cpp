#include "kube/edge/cluster_source.hpp"

#include <mutex>
#include <utility>

#include "kube/api/client_thread.hpp"
#include "kube/edge/edge_client.hpp"

namespace kube {
namespace {

class EdgeSource : public Source {
 public:
  explicit EdgeSource(const ClusterOptions& options)
      : listens_(!options.instance.empty()),
        thread_(
            options.config, options.user_agent,
            [&](Transport& transport, const os::Clock& clock) {
              auto client = std::make_unique<ClusterClient>(
                  transport, clock,
                  ClusterClientOptions{options.config.context, options.max_ports_per_mapping,
                                       options.node, options.instance, options.ns,
                                       identity_of(options.instance)});
              client_ = client.get();
              return client;
            },
            [this] { hear(); }) {}

  [[nodiscard]] int wake_fd() const override { return thread_.wake_fd(); }
  core::ObjectChanges take() override { return thread_.take(); }
  [[nodiscard]] bool synced() const override { return thread_.synced(); }
  [[nodiscard]] std::vector<Problem> problems() const override { return thread_.problems(); }
  [[nodiscard]] std::size_t ignored() const override { return 0; }

  [[nodiscard]] bool listens() const override { return listens_; }
  void report(const core::PlannedMappings& planned) override {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, status] : planned) planned_.insert_or_assign(name, status);
    }
    thread_.call();
  }

 private:
  void hear() {
    core::PlannedMappings planned;
    {
      const std::lock_guard lock(mutex_);
      planned.swap(planned_);
    }
    if (!planned.empty()) client_->report(planned);
  }

  bool listens_;
  std::mutex mutex_;
  core::PlannedMappings planned_;
  ClusterClient* client_ = nullptr;  // the thread's alone
  ClientThread thread_;              // goes first: it uses the rest
};

}  // namespace

std::unique_ptr<Source> open_cluster(const ClusterOptions& options) {
  return std::make_unique<EdgeSource>(options);
}

}  // namespace kube
