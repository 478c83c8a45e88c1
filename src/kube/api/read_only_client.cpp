#include "kube/api/read_only_client.hpp"

#include <utility>

namespace kube {

WatchClient::WatchClient(Transport& transport, const os::Clock& clock, const std::string& context,
                         const std::vector<Resource>& resources, const DecodeOptions& decoding)
    : transport_(transport), watches_(context, transport, clock) {
  const auto reduce = [decoding](const Node& node) { return decode(node, decoding); };
  for (const Resource& resource : resources) watches_.add(resource, reduce);
}

void WatchClient::step() {
  for (const Arrival& arrival : transport_.take()) static_cast<void>(watches_.take(arrival));
  watches_.step();
}

bool WatchClient::move_changes(core::ObjectChanges& into) {
  core::ObjectChanges changes = watches_.take_changes();
  static_cast<void>(watches_.take_seen());  // of interest to who writes alone
  const bool any = !changes.empty();
  for (auto& [id, object] : changes) into.insert_or_assign(id, std::move(object));
  return any;
}

}  // namespace kube
