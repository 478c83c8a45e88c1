// What makes open sockets look for their routes anew. Pure.
#pragma once

#include <cstdint>

#include "core/state/state.hpp"

namespace core {

// A socket of IPv6 keeps the route that it found in one table, whatever becomes of the tables
// before it: one that leads past the Egresses, too. Where `changes` alter what comes before table
// main, this appends what makes the kernel forget all that sockets keep. (IPv4 sees to that by
// itself; IPv6 does for policy rules, in Linux 6.12 and in what is maintained of older ones since
// October 2024.)
void renew_cached_routes(Changes& changes, std::uint16_t probe_port);

}  // namespace core
