#include "core/host.hpp"

#include <algorithm>

namespace core {

bool Host::is_local(const Address& address) const {
  // The kernel takes packets for the addresses of interfaces that are up, no others.
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const auto& entry) {
    const Interface& interface = entry.second;
    return interface.up && std::any_of(interface.addresses.begin(), interface.addresses.end(),
                                       [&](const Prefix& own) { return own.address == address; });
  });
}

}  // namespace core
