#include "kube/api/watch_source.hpp"

#include "kube/api/read_only_client.hpp"
#include "kube/api/threaded_source.hpp"

namespace kube {

std::unique_ptr<Source> open_watch(const ClientConfig& config, const std::string& user_agent,
                                   const std::vector<Resource>& resources, DecodeOptions decoding) {
  decoding.served = true;
  return std::make_unique<ThreadedSource<Source, WatchClient>>(
      config, user_agent, [&](Transport& transport, const os::Clock& clock) {
        return std::make_unique<WatchClient>(transport, clock, config.context, resources, decoding,
                                             config.trust);
      });
}

}  // namespace kube
