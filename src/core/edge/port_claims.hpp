// Who may have an external address, protocol and port: the one rule for conflicts, cluster wide.
// The oldest object wins; the loser gets nothing of what it claims, and the winner is never
// touched.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/forward.hpp"
#include "core/objects.hpp"

namespace core {

class Claims {
 public:
  struct Claim {
    // Age first: objects without a timestamp (manifests) count as older than all others.
    std::optional<std::int64_t> created;
    std::vector<ForwardKey> keys;

    friend bool operator==(const Claim&, const Claim&) = default;
  };
  struct Loss {
    ObjectId winner;
    ForwardKey key;  // the first that both claim

    friend bool operator==(const Loss&, const Loss&) = default;
  };

  // Sets (or, without value, withdraws) what `claimant` claims. Returns whose outcome changed
  // because of it, the claimant included if its own did.
  std::set<ObjectId> set(const ObjectId& claimant, std::optional<Claim> claim);

  // Whose claims overlap with this one, whoever wins.
  [[nodiscard]] std::set<ObjectId> overlapping(const Claim& claim) const;
  [[nodiscard]] const Loss* loss(const ObjectId& claimant) const;  // null: it has what it claims
  // Addresses on which an older one has something that `claimant` claims.
  [[nodiscard]] std::set<Address> lost_addresses(const ObjectId& claimant) const;

 private:
  using Slot = std::pair<Address, Protocol>;
  using Age = std::pair<std::optional<std::int64_t>, ObjectId>;  // the least is the oldest
  // Ranges of about one length, so that a look-up passes over few that it does not meet.
  using Ranges =
      std::multimap<std::uint16_t, std::pair<std::uint16_t, ObjectId>>;  // first: last, who
  using RangesByLength = std::map<int, Ranges>;                          // of lengths from 2^N on
  // Those in effect: they do not meet.
  struct Held {
    std::uint16_t last = 0;
    Age age;
  };

  void insert(const ObjectId& claimant, const Claim& claim);
  void erase(const ObjectId& claimant, const Claim& claim);
  // Whose claims overlap with this one, if they are younger than `age`; null: all.
  void neighbours(const Claim& claim, const Age* age, std::set<Age>& found) const;
  template <typename Visit>
  void each_holder(const ForwardKey& key, const Visit& visit) const;
  [[nodiscard]] std::optional<Loss> loss_of(const Age& age, const Claim& claim) const;
  void hold(const Age& age, const Claim& claim, std::set<Age>& open);
  void let_go(const ObjectId& claimant, const Claim& claim);
  void decide(const Age& age, std::set<Age>& open);

  std::map<ObjectId, Claim> claims_;
  std::map<ObjectId, Loss> losses_;
  std::set<ObjectId> holders_;  // who has what it claims
  std::map<Slot, RangesByLength> ranges_;
  std::map<Slot, std::map<std::uint16_t, Held>> held_;  // by first port
  // While set() decides: how it was for those that were looked at.
  std::map<ObjectId, std::optional<Loss>> before_;
};

// All that a Mapping asks for.
Claims::Claim claim_of(const Mapping& mapping);

}  // namespace core
