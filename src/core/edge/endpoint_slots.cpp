#include "core/edge/endpoint_slots.hpp"

#include <algorithm>
#include <tuple>

namespace core {
namespace {

// splitmix64's finalizer: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::uint64_t hash_of(const std::string& text) {  // FNV-1a
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  }
  return mix(hash);
}

struct Bid {
  std::uint64_t score;
  std::uint32_t slot;
  std::uint32_t endpoint;  // rank by identity, so that equal scores fall alike everywhere
};

// How many of a slot's best endpoints take part in one round. All of them up to eight endpoints;
// for large services this bounds the sorting, and a second round is seldom needed.
constexpr std::size_t bids_per_round = 8;

}  // namespace

std::uint32_t slot_count(std::size_t endpoints) {
  // At least four slots an endpoint: shares then differ by a quarter at most, and less on average.
  for (const std::uint32_t slots : slot_classes) {
    if (endpoints <= 1 || (slots > 1 && endpoints * 4 <= slots)) {
      return slots;
    }
  }
  return slot_classes[std::size(slot_classes) - 1];
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
