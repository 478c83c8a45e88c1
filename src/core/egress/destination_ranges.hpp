// Which addresses an Egress leads to, as ranges that do not overlap. Pure. The one rule to keep:
// the longest prefix decides, as it does in the routes of a client (plan_client), so that a NAT pod
// lets through exactly what its clients' routes lead to it.
#pragma once

#include <span>
#include <vector>

#include "core/egress/prefix_ranges.hpp"
#include "core/objects.hpp"

namespace core {

// Sorted, none next to another. `kept`: prefixes of which the Egress takes what one of its
// destinations lies within, as ClientSettings::kept.
std::vector<AddressRange> destination_ranges(const Egress& egress, std::span<const Prefix> kept);

}  // namespace core
