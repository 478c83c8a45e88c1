#include "core/edge/claims/port_claims.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

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
  if (old == claims_.end() ? !claim : claim && old->second == *claim) return {};
  before_.clear();
  note(claimant);
  ++revision_;
  const bool aged = old != claims_.end() && claim && old->second.created != claim->created;
  const auto sorted = [](std::vector<ForwardKey> keys) {
    std::ranges::sort(keys);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
  };
  const auto before =
      old == claims_.end() ? std::vector<ForwardKey>() : sorted(std::move(old->second.keys));
  const auto after = claim ? sorted(claim->keys) : std::vector<ForwardKey>();
  // What stays the same is not given up for a moment: somebody who waits would have it then.
  const auto without = [&](const std::vector<ForwardKey>& all,
                           const std::vector<ForwardKey>& less) {
    std::vector<ForwardKey> rest;
    if (aged) return all;
    std::ranges::set_difference(all, less, std::back_inserter(rest));
    return rest;
  };
  std::set<Bid> open;
  for (const ForwardKey& key : without(before, after)) {
    erase(claimed_, key, claimant);
    if (const auto lost = losses_.find(claimant); lost != losses_.end()) lost->second.erase(key);
    let_go(claimant, key, open);
  }
  if (claim) {
    claims_.insert_or_assign(claimant, *std::move(claim));
  } else {
    claims_.erase(claimant);
  }
  for (const ForwardKey& key : without(after, before)) {
    insert(claimed_, key, claimant, batch_);
    open.insert(bid(claimant, key));
  }
  while (!open.empty()) decide(open.extract(open.begin()).value(), open);
  std::set<ObjectId> changed;
  for (const auto& [id, then] : before_) {
    const auto now = losses_.find(id);
    if (now == losses_.end() ? !then.empty() : now->second != then) changed.insert(id);
    if (now != losses_.end() && now->second.empty()) losses_.erase(now);
  }
  return changed;
}

// All that come before it are decided.
void Claims::decide(const Bid& bid, std::set<Bid>& open) {
  note(bid.id);
  std::optional<std::pair<Bid, std::uint64_t>> winner;
  std::vector<Bid> beaten;
  each_meeting(held_, bid.key, [&](const ForwardKey& key, const Range& range) {
    if (range.id == bid.id) return;  // what it has itself is no loss
    Bid holder = this->bid(range.id, key);
    if (!beats(holder, bid)) {
      beaten.push_back(std::move(holder));
    } else if (!winner || holder < winner->first) {
      winner.emplace(std::move(holder), range.batch);
    }
  });
  const bool held = holds(bid.id, bid.key);
  if (winner) {
    losses_[bid.id].insert_or_assign(
        bid.key, Loss{winner->first.id, bid.key, why(winner->first, winner->second, bid)});
    if (held) let_go(bid.id, bid.key, open);
    return;
  }
  if (const auto lost = losses_.find(bid.id); lost != losses_.end()) lost->second.erase(bid.key);
  if (held) return;
  for (const Bid& loser : beaten) {
    let_go(loser.id, loser.key, open);
    open.insert(loser);
  }
  insert(held_, bid.key, bid.id, batch_);
  ask_waiting(bid.id, bid.key, open);  // they may lose to this one now
}

// Those who wait for it may have it.
void Claims::let_go(const ObjectId& id, const ForwardKey& key, std::set<Bid>& open) {
  if (erase(held_, key, id)) ask_waiting(id, key, open);
}

void Claims::ask_waiting(const ObjectId& id, const ForwardKey& key, std::set<Bid>& open) const {
  each_meeting(claimed_, key, [&](const ForwardKey& other, const Range& range) {
    if (range.id != id && !holds(range.id, other)) open.insert(bid(range.id, other));
  });
}

Claims::Bid Claims::bid(const ObjectId& id, const ForwardKey& key) const {
  Bid bid{claims_.at(id).created, true, id, key};
  if (bid.created) return bid;
  const auto known = remembered_.find(id);
  bid.unknown =
      known == remembered_.end() || std::ranges::find(known->second, key) == known->second.end();
  return bid;
}

bool Claims::beats(const Bid& holder, const Bid& other) const {
  if (holder.created || other.created) return holder < other;
  return holder.unknown <= other.unknown;
}

bool Claims::holds(const ObjectId& id, const ForwardKey& key) const {
  bool found = false;
  each_meeting(held_, key, [&](const ForwardKey& other, const Range& range) {
    found = found || (range.id == id && other == key);
  });
  return found;
}

Claims::Why Claims::why(const Bid& winner, std::uint64_t since, const Bid& loser) const {
  if (winner.created && loser.created) {
    return winner.created == loser.created ? Why::name : Why::older;
  }
  if (loser.created) return Why::manifest;
  std::uint64_t came = batch_;
  each_meeting(claimed_, loser.key, [&](const ForwardKey& key, const Range& range) {
    if (range.id == loser.id && key == loser.key) came = range.batch;
  });
  return since < came || winner.unknown < loser.unknown ? Why::held : Why::name;
}

void Claims::note(const ObjectId& id) {
  const auto lost = losses_.find(id);
  before_.try_emplace(id, lost == losses_.end() ? std::map<ForwardKey, Loss>() : lost->second);
}

void Claims::insert(Ranges& ranges, const ForwardKey& key, const ObjectId& id,
                    std::uint64_t batch) {
  ranges[{key.address, key.protocol}][static_cast<int>(std::bit_width(key.ports.size()))].emplace(
      key.ports.first, Range{key.ports.last, id, batch});
}

std::optional<Claims::Range> Claims::erase(Ranges& ranges, const ForwardKey& key,
                                           const ObjectId& id) {
  const auto slot = ranges.find({key.address, key.protocol});
  if (slot == ranges.end()) return std::nullopt;
  const auto length = slot->second.find(static_cast<int>(std::bit_width(key.ports.size())));
  if (length == slot->second.end()) return std::nullopt;
  const auto [from, to] = length->second.equal_range(key.ports.first);
  const auto mine = std::find_if(from, to, [&](const auto& entry) {
    return entry.second.last == key.ports.last && entry.second.id == id;
  });
  if (mine == to) return std::nullopt;
  Range range = std::move(mine->second);
  length->second.erase(mine);
  if (length->second.empty()) slot->second.erase(length);
  if (slot->second.empty()) ranges.erase(slot);
  return range;
}

template <typename Visit>
void Claims::each_meeting(const Ranges& ranges, const ForwardKey& key, const Visit& visit) {
  const auto slot = ranges.find({key.address, key.protocol});
  if (slot == ranges.end()) return;
  for (const auto& [width, by_first] : slot->second) {
    const std::uint32_t reach = (std::uint32_t{1} << width) - 1;  // longer than each of them
    const auto first =
        static_cast<std::uint16_t>(key.ports.first > reach ? key.ports.first - reach : 0);
    for (auto at = by_first.lower_bound(first); at != by_first.end() && at->first <= key.ports.last;
         ++at) {
      if (at->second.last < key.ports.first) continue;
      visit(ForwardKey{key.address, key.protocol, {at->first, at->second.last}}, at->second);
    }
  }
}

std::set<ObjectId> Claims::overlapping(const Claim& claim) const {
  std::set<ObjectId> found;
  for (const ForwardKey& key : claim.keys) {
    each_meeting(claimed_, key,
                 [&](const ForwardKey&, const Range& range) { found.insert(range.id); });
  }
  return found;
}

const Claims::Loss* Claims::loss(const ObjectId& claimant) const {
  const auto lost = losses_.find(claimant);
  if (lost == losses_.end()) return nullptr;
  for (const ForwardKey& key : claims_.at(claimant).keys) {
    if (const auto found = lost->second.find(key); found != lost->second.end()) {
      return &found->second;
    }
  }
  return nullptr;
}

std::vector<Claims::Loss> Claims::losses(const ObjectId& claimant) const {
  std::vector<Loss> all;
  const auto lost = losses_.find(claimant);
  if (lost == losses_.end()) return all;
  for (const ForwardKey& key : claims_.at(claimant).keys) {
    if (const auto found = lost->second.find(key); found != lost->second.end()) {
      all.push_back(found->second);
    }
  }
  return all;
}

std::set<Address> Claims::lost_addresses(const ObjectId& claimant) const {
  std::set<Address> addresses;
  if (const auto lost = losses_.find(claimant); lost != losses_.end()) {
    for (const auto& [key, loss] : lost->second) addresses.insert(key.address);
  }
  return addresses;
}

Claims::Held Claims::held() const {
  Held held;
  for (const auto& [id, claim] : claims_) {
    if (claim.created) continue;
    const auto lost = losses_.find(id);
    std::vector<ForwardKey> keys;
    for (const ForwardKey& key : claim.keys) {
      if (lost == losses_.end() || !lost->second.contains(key)) keys.push_back(key);
    }
    if (!keys.empty()) held.emplace_hint(held.end(), id, std::move(keys));
  }
  return held;
}

bool is_lost(const std::vector<Claims::Loss>& losses, const ForwardKey& key) {
  return std::ranges::any_of(losses, [&](const Claims::Loss& loss) {
    return loss.key.address == key.address && loss.key.protocol == key.protocol &&
           loss.key.ports.overlaps(key.ports);
  });
}

std::vector<std::string> explain(const std::vector<Claims::Loss>& losses) {
  // More than these say nothing that these do not.
  constexpr std::size_t most_named = 5;
  std::vector<std::string> lines;
  std::vector<bool> told(losses.size());
  for (std::size_t first = 0; first < losses.size(); ++first) {
    if (told[first]) continue;
    const Claims::Loss& loss = losses[first];
    std::vector<std::string> keys;
    for (std::size_t i = first; i < losses.size(); ++i) {
      if (losses[i].winner != loss.winner || losses[i].why != loss.why) continue;
      told[i] = true;
      keys.push_back(to_string(losses[i].key));
    }
    if (keys.size() > most_named) {
      const std::size_t more = keys.size() - most_named + 1;
      keys.resize(most_named - 1);
      keys.push_back(std::to_string(more) + " more");
    }
    std::string line = keys.front();
    for (std::size_t i = 1; i < keys.size(); ++i) {
      line += (i + 1 == keys.size() ? " and " : ", ") + keys[i];
    }
    line += keys.size() == 1 ? " belongs to " : " belong to ";
    const std::string winner = to_string(loss.winner);
    switch (loss.why) {
      case Claims::Why::older:
        line += "the older " + winner;
        break;
      case Claims::Why::name:
        line += winner + ", whose name comes first (neither is older)";
        break;
      case Claims::Why::manifest:
        line += winner + ", which is a manifest and so goes before objects of the cluster";
        break;
      case Claims::Why::held:
        line += winner + ", which had it first";
        break;
    }
    lines.push_back(line + ": take another address or port, or remove that one");
  }
  return lines;
}

}  // namespace core
