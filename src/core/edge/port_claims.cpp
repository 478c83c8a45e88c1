#include "core/edge/port_claims.hpp"

#include <algorithm>
#include <bit>

namespace core {

Claims::Claim claim_of(const Mapping& mapping) {
  Claims::Claim claim;
  claim.created = mapping.created;
  for (const Address& address : mapping.addresses) {
    for (const MappingPort& port : mapping.ports) {
      claim.keys.push_back({address, port.protocol, port.ports});
    }
  }
  return claim;
}

// The oldest that is not in an older one's way has what it claims. So a change concerns whoever it
// meets and is younger, and of those only the ones that win or lose by it pass it on: nobody else
// is looked at, however many overlap in a row.
std::set<ObjectId> Claims::set(const ObjectId& claimant, std::optional<Claim> claim) {
  const auto old = claims_.find(claimant);
  if (old == claims_.end() ? !claim : claim && old->second == *claim) return {};
  before_.clear();
  std::set<Age> open;
  const Loss* const was = loss(claimant);
  before_.emplace(claimant, was == nullptr ? std::nullopt : std::optional(*was));
  if (old != claims_.end()) {
    erase(claimant, old->second);
    if (holders_.contains(claimant)) {
      let_go(claimant, old->second);
      neighbours(old->second, nullptr, open);
    }
    losses_.erase(claimant);
    claims_.erase(old);
  }
  if (claim) {
    insert(claimant, *claim);
    open.insert({claim->created, claimant});
    claims_.emplace(claimant, std::move(*claim));
  }
  while (!open.empty()) {
    const Age oldest = open.extract(open.begin()).value();
    decide(oldest, open);
  }
  std::set<ObjectId> changed;
  for (const auto& [id, then] : before_) {
    const Loss* const now = loss(id);
    if ((now == nullptr) != !then || (now != nullptr && *now != *then)) changed.insert(id);
  }
  return changed;
}

// All older ones are decided.
void Claims::decide(const Age& age, std::set<Age>& open) {
  const auto& [created, id] = age;
  const Claim& claim = claims_.at(id);
  const Loss* const was = loss(id);
  before_.emplace(id, was == nullptr ? std::nullopt : std::optional(*was));
  std::optional<Loss> lost = loss_of(age, claim);
  const bool held = holders_.contains(id);
  if (!lost) {
    losses_.erase(id);
    if (held) return;
    hold(age, claim, open);
    neighbours(claim, &age, open);
    return;
  }
  losses_.insert_or_assign(id, *std::move(lost));
  if (!held) return;
  let_go(id, claim);
  neighbours(claim, &age, open);
}

std::optional<Claims::Loss> Claims::loss_of(const Age& age, const Claim& claim) const {
  for (const ForwardKey& key : claim.keys) {
    const Age* oldest = nullptr;
    each_holder(key, [&](const Age& holder) {
      if (holder < age && (oldest == nullptr || holder < *oldest)) oldest = &holder;
    });
    if (oldest != nullptr) return Loss{oldest->second, key};
  }
  return std::nullopt;
}

// Younger ones that are in the way lose it; what of it is theirs, they are yet to be told.
void Claims::hold(const Age& age, const Claim& claim, std::set<Age>& open) {
  std::set<Age> displaced;
  for (const ForwardKey& key : claim.keys) {
    each_holder(key, [&](const Age& holder) { displaced.insert(holder); });
  }
  for (const Age& other : displaced) {
    const Claim& theirs = claims_.at(other.second);
    let_go(other.second, theirs);
    neighbours(theirs, &other, open);
    open.insert(other);
  }
  for (const ForwardKey& key : claim.keys) {
    held_[{key.address, key.protocol}].insert_or_assign(key.ports.first, Held{key.ports.last, age});
  }
  holders_.insert(age.second);
}

void Claims::let_go(const ObjectId& claimant, const Claim& claim) {
  holders_.erase(claimant);
  for (const ForwardKey& key : claim.keys) {
    const auto slot = held_.find({key.address, key.protocol});
    if (slot == held_.end()) continue;
    const auto held = slot->second.find(key.ports.first);
    if (held != slot->second.end() && held->second.age.second == claimant) {
      slot->second.erase(held);
    }
    if (slot->second.empty()) held_.erase(slot);
  }
}

template <typename Visit>
void Claims::each_holder(const ForwardKey& key, const Visit& visit) const {
  const auto slot = held_.find({key.address, key.protocol});
  if (slot == held_.end()) return;
  auto held = slot->second.upper_bound(key.ports.last);
  while (held != slot->second.begin()) {
    --held;
    if (held->second.last < key.ports.first) return;
    visit(held->second.age);
  }
}

std::set<ObjectId> Claims::overlapping(const Claim& claim) const {
  std::set<Age> found;
  neighbours(claim, nullptr, found);
  std::set<ObjectId> ids;
  for (const auto& [created, id] : found) ids.insert(id);
  return ids;
}

const Claims::Loss* Claims::loss(const ObjectId& claimant) const {
  const auto found = losses_.find(claimant);
  return found == losses_.end() ? nullptr : &found->second;
}

std::set<Address> Claims::lost_addresses(const ObjectId& claimant) const {
  std::set<Address> lost;
  const auto claim = claims_.find(claimant);
  if (claim == claims_.end()) return lost;
  const Age age{claim->second.created, claimant};
  for (const ForwardKey& key : claim->second.keys) {
    each_holder(key, [&](const Age& holder) {
      if (holder < age) lost.insert(key.address);
    });
  }
  return lost;
}

void Claims::insert(const ObjectId& claimant, const Claim& claim) {
  for (const ForwardKey& key : claim.keys) {
    Ranges& ranges = ranges_[{key.address, key.protocol}][std::bit_width(key.ports.size()) - 1];
    ranges.emplace(key.ports.first, std::pair{key.ports.last, claimant});
  }
}

void Claims::erase(const ObjectId& claimant, const Claim& claim) {
  for (const ForwardKey& key : claim.keys) {
    const auto at = ranges_.find({key.address, key.protocol});
    if (at == ranges_.end()) continue;
    const auto ranges = at->second.find(std::bit_width(key.ports.size()) - 1);
    if (ranges == at->second.end()) continue;
    const auto [from, to] = ranges->second.equal_range(key.ports.first);
    const auto mine = std::find_if(from, to, [&](const auto& entry) {
      return entry.second == std::pair{key.ports.last, claimant};
    });
    if (mine != to) ranges->second.erase(mine);
    if (ranges->second.empty()) at->second.erase(ranges);
    if (at->second.empty()) ranges_.erase(at);
  }
}

void Claims::neighbours(const Claim& claim, const Age* age, std::set<Age>& found) const {
  for (const ForwardKey& key : claim.keys) {
    const auto at = ranges_.find({key.address, key.protocol});
    if (at == ranges_.end()) continue;
    for (const auto& [exponent, ranges] : at->second) {
      const std::uint32_t reach = (std::uint32_t{2} << exponent) - 2;  // the longest, less one
      const auto first =
          static_cast<std::uint16_t>(key.ports.first > reach ? key.ports.first - reach : 0);
      for (auto entry = ranges.lower_bound(first);
           entry != ranges.end() && entry->first <= key.ports.last; ++entry) {
        const auto& [last, id] = entry->second;
        if (last < key.ports.first) continue;
        Age other{claims_.at(id).created, id};
        if (age == nullptr || *age < other) found.insert(std::move(other));
      }
    }
  }
}

}  // namespace core
