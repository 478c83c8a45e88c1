// Which addresses a client must not send to otherwise than through a tunnel, out of the routes of
// its Egresses. Pure.
#pragma once

#include <set>
#include <vector>

#include "core/egress/prefix_ranges.hpp"
#include "core/state/route.hpp"

namespace core {

// Where the egress table has the last word: the best route there leads through a tunnel or is a
// fence, and does not leave the packet to the pod's own way. Disjoint, sorted, and as few as can
// be. What stays on a link (multicast, broadcast, link-local addresses) is in none, unless an
// Egress names it.
std::vector<AddressRange> closed_ranges(const std::set<Route>& routes, Family family);

}  // namespace core
