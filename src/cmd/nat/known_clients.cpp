#include "cmd/nat/known_clients.hpp"

#include "core/egress/probe_packet.hpp"

namespace cmd {

KnownClients known_clients(const NatLoop& loop, bool draining) {
  KnownClients known;
  known.draining = draining;
  known.clients.reserve(loop.plan().clients().size());
  for (const auto& [address, all] : loop.plan().clients()) {
    std::vector<std::uint64_t>& uids = known.clients[address];
    const auto* const owners = loop.owners(address);
    if (owners == nullptr) continue;
    for (const auto& owner : *owners) uids.push_back(hash_uid(owner.uid));
  }
  return known;
}

}  // namespace cmd
