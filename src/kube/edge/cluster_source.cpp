#include "kube/edge/cluster_source.hpp"

#include <utility>

#include "kube/api/threaded_source.hpp"
#include "kube/edge/edge_client.hpp"

namespace kube {
namespace {

struct EdgeMail {
  core::PlannedMappings planned;

  void deliver(ClusterClient& client) const {
    if (!planned.empty()) client.report(planned);
  }
};

class EdgeSource : public ThreadedSource<Source, ClusterClient, EdgeMail> {
 public:
  explicit EdgeSource(const ClusterOptions& options)
      : ThreadedSource(
            options.config, options.user_agent,
            [&](Transport& transport, const os::Clock& clock) {
              return std::make_unique<ClusterClient>(
                  transport, clock,
                  ClusterClientOptions{
                      options.config.context, options.max_ports_per_mapping, options.node,
                      options.instance, options.ns, identity_of(options.instance),
                      options.max_addresses_per_service, options.config.trust, options.known});
            }),
        listens_(!options.instance.empty()) {}

  [[nodiscard]] bool listens() const override { return listens_; }
  void report(const core::PlannedMappings& planned) override {
    post([&](EdgeMail& mail) {
      for (const auto& [name, status] : planned) mail.planned.insert_or_assign(name, status);
    });
  }

 private:
  bool listens_;
};

}  // namespace

std::unique_ptr<Source> open_cluster(const ClusterOptions& options) {
  return std::make_unique<EdgeSource>(options);
}

}  // namespace kube
