// The rules in a client's network namespace, where it has a device that takes tunnel packets from
// anywhere: nobody but its NAT pods may put packets into it. Pure.
#pragma once

#include <cstdint>

#include "core/state/ruleset.hpp"

namespace core {

// Tunnel packets to UDP `port` are taken from SetId::gateways alone.
nft::Table client_table(Family family, std::uint16_t port);

}  // namespace core
