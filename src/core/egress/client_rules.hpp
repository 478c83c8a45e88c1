// The rules in a client's network namespace, where it has a device that takes tunnel packets from
// anywhere: nobody but its NAT pods may put packets into it. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "core/state/ruleset.hpp"
#include "core/state/set_id.hpp"

namespace core {

enum class ClientSet : std::uint8_t {
  gateways,  // addresses of NAT pods that tunnels may lead here from
};
template <>
inline constexpr int catalogue_of<ClientSet> = 2;

const std::vector<nft::Set>& client_sets();  // in the order of the enum

// Tunnel packets to UDP `port` are taken from ClientSet::gateways alone.
nft::Table client_table(Family family, std::uint16_t port);

}  // namespace core
