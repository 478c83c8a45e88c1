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

 private:
  using Slot = std::pair<Address, Protocol>;
  using Ranges =
      std::multimap<std::uint16_t, std::pair<std::uint16_t, ObjectId>>;  // first: last, who

  void insert(const ObjectId& claimant, const Claim& claim);
  void erase(const ObjectId& claimant, const Claim& claim);
  void neighbours(const Claim& claim, std::set<ObjectId>& found) const;
  void decide(const std::set<ObjectId>& component);

  std::map<ObjectId, Claim> claims_;
  std::map<ObjectId, Loss> losses_;
  std::map<Slot, Ranges> ranges_;
  std::map<Slot, std::uint32_t> longest_;  // the longest range ever claimed: bounds the search
};

// All that a Mapping asks for.
Claims::Claim claim_of(const Mapping& mapping);

}  // namespace core
