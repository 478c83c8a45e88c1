#include "core/host.hpp"

#include <algorithm>

namespace core {

bool Host::is_local(const Address& address) const {
  // The kernel takes packets for any of its addresses by any interface, in IPv4 also for those of
  // an interface that is down; IPv6 takes these out of service.
  const bool also_down = address.family() == Family::ipv4;
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& entry) {
    const Interface& interface = entry.second;
    return (interface.up || also_down) &&
           std::any_of(interface.addresses.begin(), interface.addresses.end(),
                       [&](const Prefix& own) { return own.address == address; });
  });
}

}  // namespace core
