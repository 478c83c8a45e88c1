// Who may have an external address, protocol and port: the one rule for conflicts, cluster wide.
// The oldest object wins; of those that do not say how old they are, who has it already. The loser
// gets all the rest of what it claims, and the winner is never touched. A change concerns whom it
// meets, and whoever wins or loses by it; nobody else is looked at.
#pragma once

#include <compare>
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
  // What decided.
  enum class Why : std::uint8_t {
    older,     // the winner was created before
    name,      // nothing but the winner's name
    manifest,  // the winner says no age, the loser does
    held,      // neither does, and the winner had it before the loser asked
  };
  struct Loss {
    ObjectId winner;
    ForwardKey key;  // of the loser's
    Why why{};

    friend bool operator==(const Loss&, const Loss&) = default;
  };
  // What claimants that do not say how old they are have.
  using Held = std::map<ObjectId, std::vector<ForwardKey>>;

  // Sets (or, without value, withdraws) what `claimant` claims. Returns whose outcome changed
  // because of it, the claimant included if its own did.
  std::set<ObjectId> set(const ObjectId& claimant, std::optional<Claim> claim);
  // What is set from here on was not asked for before: of what came together, none had it first.
  void begin_batch() { ++batch_; }

  // Whose claims overlap with this one, whoever wins.
  [[nodiscard]] std::set<ObjectId> overlapping(const Claim& claim) const;
  // What it claims and may not have, in the order in which it claims.
  [[nodiscard]] std::vector<Loss> losses(const ObjectId& claimant) const;
  [[nodiscard]] const Loss* loss(const ObjectId& claimant) const;  // the first; null: there is none
  // Addresses of which somebody else has something that `claimant` claims.
  [[nodiscard]] std::set<Address> lost_addresses(const ObjectId& claimant) const;

  [[nodiscard]] Held held() const;
  // Counts up when held() may have changed.
  [[nodiscard]] std::uint64_t held_revision() const { return revision_; }
  // What an earlier process' held() was, before anything is claimed; and when all that was claimed
  // then has been claimed again, or never will be.
  void remember(Held held) { remembered_ = std::move(held); }
  void settle() { remembered_.clear(); }

 private:
  using Slot = std::pair<Address, Protocol>;
  // One key of a claimant. The least is decided first.
  struct Bid {
    std::optional<std::int64_t> created;
    bool unknown = true;  // an earlier process did not have it
    ObjectId id;
    ForwardKey key;

    friend auto operator<=>(const Bid&, const Bid&) = default;
  };
  struct Range {
    std::uint16_t last = 0;
    ObjectId id;
    std::uint64_t batch = 0;  // that it came with
  };
  // By first port, in classes of lengths from 2^N on, so that a look-up passes over few that it
  // does not meet.
  using Ranges = std::map<Slot, std::map<int, std::multimap<std::uint16_t, Range>>>;

  static void insert(Ranges& ranges, const ForwardKey& key, const ObjectId& id,
                     std::uint64_t batch);
  static std::optional<Range> erase(Ranges& ranges, const ForwardKey& key, const ObjectId& id);
  template <typename Visit>
  static void each_meeting(const Ranges& ranges, const ForwardKey& key, const Visit& visit);

  [[nodiscard]] Bid bid(const ObjectId& id, const ForwardKey& key) const;
  [[nodiscard]] bool beats(const Bid& holder, const Bid& other) const;
  [[nodiscard]] bool holds(const ObjectId& id, const ForwardKey& key) const;
  [[nodiscard]] Why why(const Bid& winner, std::uint64_t since, const Bid& loser) const;
  void note(const ObjectId& id);
  void let_go(const ObjectId& id, const ForwardKey& key, std::set<Bid>& open);
  void ask_waiting(const ObjectId& id, const ForwardKey& key, std::set<Bid>& open) const;
  void decide(const Bid& bid, std::set<Bid>& open);

  std::map<ObjectId, Claim> claims_;
  std::map<ObjectId, std::map<ForwardKey, Loss>> losses_;
  Ranges claimed_;
  Ranges held_;
  Held remembered_;
  std::uint64_t batch_ = 0;
  std::uint64_t revision_ = 0;
  // While set() decides: how it was for those that were looked at.
  std::map<ObjectId, std::map<ForwardKey, Loss>> before_;
};

// Whether one of them is of this key, or of a part of it.
bool is_lost(const std::vector<Claims::Loss>& losses, const ForwardKey& key);

// "203.0.113.5:80/tcp and 203.0.113.5:443/tcp belong to the older Mapping shop/web: …"; a line for
// each winner and reason.
std::vector<std::string> explain(const std::vector<Claims::Loss>& losses);

// All that a Mapping asks for.
Claims::Claim claim_of(const Mapping& mapping);

}  // namespace core
