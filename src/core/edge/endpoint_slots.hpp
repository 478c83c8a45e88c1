// Which endpoint serves which share of the flows: a table of slots per service port, filled from
// the objects alone, so that every appliance fills it alike. Pure arithmetic, no kernel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace core {

// Slot counts that the rule set has a chain for, ascending.
inline constexpr std::uint32_t slot_classes[] = {1, 16, 64, 256, 1024, 4096};

// The class for so many endpoints: a function of the number alone, so that appliances agree.
std::uint32_t slot_count(std::size_t endpoints);

// result[slot] = index into `identities`, which names the endpoints ("10.1.0.2:8080") in any order.
// Shares differ by at most one slot. When an endpoint comes or goes inside a class, little more
// than its own share moves. `weights` (empty: all 1) scale the shares.
std::vector<std::uint16_t> fill_slots(const std::vector<std::string>& identities,
                                      std::uint32_t slots,
                                      const std::vector<std::uint32_t>& weights = {});

}  // namespace core
