#include "kube/api/watch_source.hpp"

#include "kube/api/client_thread.hpp"
#include "kube/api/read_only_client.hpp"

namespace kube {
namespace {

class WatchSource : public Source {
 public:
  WatchSource(const ClientConfig& config, const std::string& user_agent,
              const std::vector<Resource>& resources, const DecodeOptions& decoding)
      : thread_(config, user_agent, [&](Transport& transport, const os::Clock& clock) {
          return std::make_unique<WatchClient>(transport, clock, config.context, resources,
                                               decoding);
        }) {}

  [[nodiscard]] int wake_fd() const override { return thread_.wake_fd(); }
  core::ObjectChanges take() override { return thread_.take(); }
  [[nodiscard]] bool synced() const override { return thread_.synced(); }
  [[nodiscard]] std::vector<Problem> problems() const override { return thread_.problems(); }
  [[nodiscard]] std::size_t ignored() const override { return 0; }

 private:
  ClientThread thread_;
};

}  // namespace

std::unique_ptr<Source> open_watch(const ClientConfig& config, const std::string& user_agent,
                                   const std::vector<Resource>& resources, DecodeOptions decoding) {
  decoding.served = true;
  return std::make_unique<WatchSource>(config, user_agent, resources, decoding);
}

}  // namespace kube
