// Which endpoint serves which share of the flows: a table of slots per service port, filled from
// the objects alone, so that every appliance fills it alike. Pure arithmetic, no kernel.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace core {

// How many slots there are for so many endpoints, and what names an endpoint. Appliances that serve
// the same addresses must have the same one, or a client meets another endpoint on each. The first
// is that of pona before there was a second.
enum class SlotLayout : std::uint8_t { first = 1, second = 2 };

// A number of slots that the rules have a chain for, and up to how many endpoints it serves.
struct SlotClass {
  std::uint32_t slots;
  std::size_t endpoints;
};

// Ascending. In the second layout, of at most 103 endpoints none gets over 5 % more or less than
// its share: the rest of slots / endpoints, or what it lacks to a whole endpoint more, is at most a
// twentieth of the slots. In the last of each, endpoints beyond the number get nothing.
std::span<const SlotClass> slot_classes(SlotLayout layout);
// Of ranges of ports, which have fewer chains.
std::span<const SlotClass> range_slot_classes(SlotLayout layout);

// A function of the number of endpoints alone, so that appliances agree.
std::uint32_t slot_count(std::size_t endpoints, std::span<const SlotClass> classes);

// result[slot] = index into `identities`, which names the endpoints ("10.1.0.2:8080") in any order.
// Shares differ by at most one slot. When an endpoint comes or goes inside a class, little more
// than its own share moves; of more than 4096 slots (a prime number of them), somewhat more.
// `weights` (empty: all 1) scale the shares, but of so many slots.
std::vector<std::uint16_t> fill_slots(const std::vector<std::string>& identities,
                                      std::uint32_t slots,
                                      const std::vector<std::uint32_t>& weights = {});

}  // namespace core
