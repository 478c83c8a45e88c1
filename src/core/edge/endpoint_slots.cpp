#include "core/edge/endpoint_slots.hpp"

#include <algorithm>
#include <tuple>
#include "core/fnv1a.hpp"

namespace core {
namespace {

// splitmix64's finalizer: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::uint64_t hash_of(const std::string& text) { return mix(fnv1a(text)); }

struct Bid {
  std::uint64_t score;
  std::uint32_t slot;
  std::uint32_t endpoint;  // rank by identity, so that equal scores fall alike everywhere
};

// How many of a slot's best endpoints take part in one round. All of them up to eight endpoints;
// for large services this bounds the sorting, and a second round is seldom needed.
constexpr std::size_t bids_per_round = 8;

constexpr std::uint32_t most_slots = 16381;  // a prime number, see fill_by_turns
constexpr std::uint32_t most_slots_bid_for = 4096;

// A quarter of a share is the most that one differs by, and less on average, up to 1024. What
// stands last has been added: of more endpoints, those beyond the number before had nothing.
constexpr SlotClass first_classes[] = {
    {1, 1}, {16, 4}, {64, 16}, {256, 64}, {1024, 256}, {4096, 4096}, {most_slots, most_slots}};
constexpr SlotClass first_range_classes[] = {{256, 256}, {most_slots, most_slots}};
// 12 is a multiple of all numbers to 4, 60 of 5 and 6; 120, 240 and 420 leave little rest; from
// there on there are 20 slots for each endpoint.
constexpr SlotClass second_classes[] = {
    {1, 1},    {12, 4},    {60, 6},     {120, 10},    {240, 16},
    {420, 22}, {1024, 52}, {2048, 103}, {4096, 1024}, {most_slots, most_slots}};
constexpr SlotClass second_range_classes[] = {{256, 13}, {2048, 103}, {most_slots, most_slots}};

// Maglev's way (Eisenbud et al., NSDI 2016, section 3.4): each endpoint in turn takes the first
// free slot of a permutation of its own. Costs as much as there are slots, where rendezvous hashing
// would cost as much as slots times endpoints: seconds, of thousands of both.
std::vector<std::uint16_t> fill_by_turns(const std::vector<std::uint64_t>& hashes,
                                         const std::vector<std::uint32_t>& ranked,
                                         std::uint32_t slots) {
  std::vector<std::uint16_t> table(slots);
  std::vector<bool> taken(slots, false);
  std::vector<std::uint32_t> next(hashes.size());
  std::vector<std::uint32_t> step(hashes.size());
  for (std::size_t rank = 0; rank < hashes.size(); ++rank) {
    next[rank] = static_cast<std::uint32_t>(hashes[rank] % slots);
    step[rank] = static_cast<std::uint32_t>(mix(hashes[rank]) % (slots - 1)) + 1;
  }
  std::uint32_t open = slots;
  while (true) {
    for (std::size_t rank = 0; rank < hashes.size(); ++rank) {
      while (taken[next[rank]]) next[rank] = (next[rank] + step[rank]) % slots;
      taken[next[rank]] = true;
      table[next[rank]] = static_cast<std::uint16_t>(ranked[rank]);
      if (--open == 0) return table;
    }
  }
}

}  // namespace

std::span<const SlotClass> slot_classes(SlotLayout layout) {
  if (layout == SlotLayout::first) return first_classes;
  return second_classes;
}

std::span<const SlotClass> range_slot_classes(SlotLayout layout) {
  if (layout == SlotLayout::first) return first_range_classes;
  return second_range_classes;
}

std::uint32_t slot_count(std::size_t endpoints, std::span<const SlotClass> classes) {
  for (const SlotClass& one : classes) {
    if (endpoints <= one.endpoints) return one.slots;
  }
  return classes.back().slots;
}

// Rendezvous hashing with quotas. Each (slot, endpoint) pair has a score; pairs are taken best
// first, and an endpoint that has its share takes no more. Plain rendezvous moves least but leaves
// shares uneven (1.4 times the fair one at 16 slots); Maglev is even but moves more (measured,
// removing one of three endpoints at 16 slots: 0.412 of the slots against 0.375 here and 0.333 at
// best).
std::vector<std::uint16_t> fill_slots(const std::vector<std::string>& identities,
                                      std::uint32_t slots,
                                      const std::vector<std::uint32_t>& weights) {
  const std::size_t count = identities.size();
  if (count == 0 || slots == 0) {
    return {};
  }
  std::vector<std::uint32_t> ranked(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    ranked[i] = i;
  }
  std::sort(ranked.begin(), ranked.end(),
            [&](auto a, auto b) { return identities[a] < identities[b]; });

  std::vector<std::uint64_t> hashes(count);
  std::vector<std::uint32_t> quota(count);
  std::uint64_t total_weight = 0;
  for (std::size_t rank = 0; rank < count; ++rank) {
    hashes[rank] = hash_of(identities[ranked[rank]]);
    total_weight += weights.empty() ? 1 : weights[ranked[rank]];
  }
  if (total_weight == 0) {
    return {};
  }
  if (slots > most_slots_bid_for) return fill_by_turns(hashes, ranked, slots);
  std::uint32_t extra =
      slots;  // slots beyond the whole shares; an endpoint takes one of them at most
  for (std::size_t rank = 0; rank < count; ++rank) {
    const std::uint64_t weight = weights.empty() ? 1 : weights[ranked[rank]];
    quota[rank] = static_cast<std::uint32_t>(slots * weight / total_weight);
    extra -= quota[rank];
  }

  std::vector<std::uint16_t> table(slots);
  std::vector<bool> taken(slots, false);
  std::vector<bool> has_extra(count, false);
  std::uint32_t open = slots;
  std::vector<Bid> bids;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order(count);
  for (std::size_t from = 0; open > 0 && from < count; from += bids_per_round) {
    bids.clear();
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
      if (taken[slot]) {
        continue;
      }
      for (std::uint32_t rank = 0; rank < count; ++rank) {
        order[rank] = {mix(hashes[rank] ^ mix(slot)), rank};
      }
      const std::size_t to = std::min(count, from + bids_per_round);
      if (count > bids_per_round) {
        std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(to),
                          order.end(), std::greater<>());
      }
      for (std::size_t i = from; i < to; ++i) {
        bids.push_back({order[i].first, slot, order[i].second});
      }
    }
    std::sort(bids.begin(), bids.end(), [](const Bid& a, const Bid& b) {
      return std::tie(b.score, a.slot, a.endpoint) < std::tie(a.score, b.slot, b.endpoint);
    });
    for (const Bid& bid : bids) {
      if (taken[bid.slot]) {
        continue;
      }
      const bool zero_weight = !weights.empty() && weights[ranked[bid.endpoint]] == 0;
      if (quota[bid.endpoint] > 0) {
        --quota[bid.endpoint];
      } else if (extra > 0 && !has_extra[bid.endpoint] && !zero_weight) {
        --extra;
        has_extra[bid.endpoint] = true;
      } else {
        continue;
      }
      taken[bid.slot] = true;
      table[bid.slot] = static_cast<std::uint16_t>(ranked[bid.endpoint]);
      --open;
    }
  }
  return table;
}

}  // namespace core
