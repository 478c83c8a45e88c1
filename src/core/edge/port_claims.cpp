#include "core/edge/port_claims.hpp"

#include <algorithm>
#include <tuple>

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

std::set<ObjectId> Claims::set(const ObjectId& claimant, std::optional<Claim> claim) {
  const auto old = claims_.find(claimant);
  if (old != claims_.end() && claim && old->second == *claim) {
    return {};
  }
  // Everybody whose outcome may change is linked to the claimant, before or after, by overlaps.
  std::set<ObjectId> component = {claimant};
  if (old != claims_.end()) {
    neighbours(old->second, component);
    erase(claimant, old->second);
    claims_.erase(old);
  }
  if (claim) {
    insert(claimant, *claim);
    neighbours(*claim, component);
    claims_.emplace(claimant, std::move(*claim));
  }
  std::vector<ObjectId> open(component.begin(), component.end());
  while (!open.empty()) {
    const ObjectId id = std::move(open.back());
    open.pop_back();
    const auto found = claims_.find(id);
    if (found == claims_.end()) {
      continue;
    }
    std::set<ObjectId> near;
    neighbours(found->second, near);
    for (const ObjectId& other : near) {
      if (component.insert(other).second) {
        open.push_back(other);
      }
    }
  }

  std::map<ObjectId, std::optional<Loss>> before;
  for (const ObjectId& id : component) {
    const Loss* loss = this->loss(id);
    before.emplace(id, loss == nullptr ? std::nullopt : std::optional(*loss));
  }
  decide(component);
  std::set<ObjectId> changed;
  for (const auto& [id, was] : before) {
    const Loss* loss = this->loss(id);
    if ((loss == nullptr) != !was || (loss != nullptr && *loss != *was)) {
      changed.insert(id);
    }
  }
  return changed;
}

std::set<ObjectId> Claims::overlapping(const Claim& claim) const {
  std::set<ObjectId> found;
  neighbours(claim, found);
  return found;
}

const Claims::Loss* Claims::loss(const ObjectId& claimant) const {
  const auto found = losses_.find(claimant);
  return found == losses_.end() ? nullptr : &found->second;
}

void Claims::insert(const ObjectId& claimant, const Claim& claim) {
  for (const ForwardKey& key : claim.keys) {
    const Slot slot{key.address, key.protocol};
    ranges_[slot].emplace(key.ports.first, std::pair{key.ports.last, claimant});
    std::uint32_t& longest = longest_[slot];
    longest = std::max(longest, key.ports.size());
  }
}

void Claims::erase(const ObjectId& claimant, const Claim& claim) {
  for (const ForwardKey& key : claim.keys) {
    const auto at = ranges_.find({key.address, key.protocol});
    if (at == ranges_.end()) {
      continue;
    }
    const auto [from, to] = at->second.equal_range(key.ports.first);
    const auto mine = std::find_if(from, to, [&](const auto& entry) {
      return entry.second == std::pair{key.ports.last, claimant};
    });
    if (mine != to) {
      at->second.erase(mine);
    }
    if (at->second.empty()) {
      longest_.erase(at->first);
      ranges_.erase(at);
    }
  }
}

void Claims::neighbours(const Claim& claim, std::set<ObjectId>& found) const {
  for (const ForwardKey& key : claim.keys) {
    const Slot slot{key.address, key.protocol};
    const auto at = ranges_.find(slot);
    if (at == ranges_.end()) {
      continue;
    }
    const std::uint32_t reach = longest_.at(slot) - 1;
    const auto first =
        static_cast<std::uint16_t>(key.ports.first > reach ? key.ports.first - reach : 0);
    for (auto entry = at->second.lower_bound(first);
         entry != at->second.end() && entry->first <= key.ports.last; ++entry) {
      if (entry->second.first >= key.ports.first) {
        found.insert(entry->second.second);
      }
    }
  }
}

void Claims::decide(const std::set<ObjectId>& component) {
  std::vector<std::pair<ObjectId, const Claim*>> order;
  for (const ObjectId& id : component) {
    losses_.erase(id);
    if (const auto found = claims_.find(id); found != claims_.end()) {
      order.emplace_back(id, &found->second);
    }
  }
  if (order.size() < 2) {
    return;
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second->created, a.first) < std::tie(b.second->created, b.first);
  });
  // A component is what overlaps: seldom more than two, so that comparing all with all is fine.
  std::vector<std::pair<ObjectId, const Claim*>> winners;
  for (const auto& [id, claim] : order) {
    std::optional<Loss> lost;
    for (const ForwardKey& key : claim->keys) {
      for (const auto& [winner, theirs] : winners) {
        for (const ForwardKey& other : theirs->keys) {
          if (!lost && other.address == key.address && other.protocol == key.protocol &&
              other.ports.overlaps(key.ports)) {
            lost = Loss{winner, key};
          }
        }
      }
    }
    if (lost) {
      losses_.emplace(id, *lost);
    } else {
      winners.emplace_back(id, claim);
    }
  }
}

}  // namespace core
