#include "kube/api/read_only_client.hpp"

namespace kube {

WatchClient::WatchClient(Transport& transport, const os::Clock& clock, const std::string& context,
                         const std::vector<Resource>& resources, const DecodeOptions& decoding,
                         const Trust& trust)
    : ClientFrame(transport, clock, {.context = context, .trust = trust}) {
  const auto reduce = [decoding](const Node& node) { return decode(node, decoding); };
  for (const Resource& resource : resources) watches().add(resource, reduce);
}

}  // namespace kube
