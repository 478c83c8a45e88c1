// ICMP errors about FoU's packets, which break connections of the packets within. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "core/state/ruleset.hpp"
#include "core/state/set_id.hpp"

namespace core {

// Drop them in a chain at input: those about UDP packets to `port` of whoever `set` holds, under a
// key that has the address `fields` times. None for IPv6. An ipip device tells the senders of as
// many of the next packets as there were errors that there is no way, for 30 s, whatever becomes of
// them (net/ipv4/ip_tunnel.c, err_count). Who is not reachable is known from probes; "fragmentation
// needed" gets through.
std::vector<nft::Rule> drop_icmp_errors(Family family, std::uint16_t port, SetId set,
                                        std::size_t fields);

}  // namespace core
