#include "core/edge/port_claims.hpp"

#include <algorithm>
#include <random>

#include "support/catch.hpp"

namespace unit::port_claims_test {

using namespace core;

namespace {

ObjectId id(int number) { return {Kind::mapping, {"shop", "m" + std::to_string(1000 + number)}}; }

ForwardKey key(int host, int first, int last, Protocol protocol = Protocol::tcp) {
  return {*Address::parse("203.0.113." + std::to_string(host)),
          protocol,
          {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)}};
}

// What Claims shall come to, in as few words as possible: the oldest first, all with all.
std::map<ObjectId, std::optional<Claims::Loss>> decide(
    const std::map<ObjectId, Claims::Claim>& claims) {
  std::vector<ObjectId> order;
  for (const auto& [who, claim] : claims) order.push_back(who);
  std::ranges::stable_sort(order, {}, [&](const ObjectId& who) { return claims.at(who).created; });
  std::map<ObjectId, std::optional<Claims::Loss>> outcome;
  std::vector<ObjectId> winners;
  for (const ObjectId& who : order) {
    std::optional<Claims::Loss> lost;
    for (const ForwardKey& mine : claims.at(who).keys) {
      for (const ObjectId& winner : winners) {
        for (const ForwardKey& theirs : claims.at(winner).keys) {
          if (!lost && mine.address == theirs.address && mine.protocol == theirs.protocol &&
              mine.ports.overlaps(theirs.ports)) {
            lost = Claims::Loss{winner, mine};
          }
        }
      }
    }
    if (!lost) winners.push_back(who);
    outcome[who] = lost;
  }
  return outcome;
}

}  // namespace

TEST_CASE("step by step, claims come to what comparing all with all comes to") {
  const std::uint32_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<std::uint32_t>(below));
  };
  for (int round = 0; round < 40; ++round) {
    Claims claims;
    std::map<ObjectId, Claims::Claim> world;
    std::map<ObjectId, std::optional<Claims::Loss>> before;
    for (int step = 0; step < 60; ++step) {
      const ObjectId who = id(pick(12));
      std::optional<Claims::Claim> claim;
      if (pick(4) != 0) {
        claim.emplace();
        if (pick(3) != 0) claim->created = pick(4);
        int port = 1 + pick(20);
        for (int i = pick(4); i >= 0; --i) {
          const int last = port + (pick(3) == 0 ? pick(30) : 0);
          claim->keys.push_back(
              key(pick(2), port, last, pick(5) == 0 ? Protocol::udp : Protocol::tcp));
          port = last + 1 + pick(9);
        }
        world[who] = *claim;
      } else {
        world.erase(who);
      }
      const std::set<ObjectId> changed = claims.set(who, claim);
      const auto wanted = decide(world);
      for (int i = 0; i < 12; ++i) {
        const Claims::Loss* const loss = claims.loss(id(i));
        const auto found = wanted.find(id(i));
        const auto expected = found == wanted.end() ? std::nullopt : found->second;
        REQUIRE((loss == nullptr ? std::nullopt : std::optional(*loss)) == expected);
        REQUIRE(changed.contains(id(i)) == (before[id(i)] != expected));
        before[id(i)] = expected;
      }
    }
  }
}

TEST_CASE("of claims in a row, a new one concerns those that it meets") {
  Claims claims;
  constexpr int many = 2000;
  // Each overlaps the next: every other one has what it claims.
  for (int i = 0; i < many; ++i) {
    const std::set<ObjectId> changed =
        claims.set(id(i), Claims::Claim{i, {key(1, 10 * i + 1, 10 * i + 11)}});
    CHECK(changed.size() == (i % 2 == 0 ? 0 : 1));
  }
  CHECK(claims.loss(id(many - 2)) == nullptr);
  REQUIRE(claims.loss(id(many - 1)) != nullptr);
  CHECK(claims.loss(id(many - 1))->winner == id(many - 2));
  // The oldest goes: all change places, but the two at the ends.
  CHECK(claims.set(id(0), std::nullopt).size() == many - 1);
  CHECK(claims.loss(id(1)) == nullptr);
  CHECK(claims.loss(id(many - 1)) == nullptr);
}

TEST_CASE("of one address and port that all claim, only those that wait for it are told") {
  Claims claims;
  constexpr int many = 3000;
  for (int i = 0; i < many; ++i) {
    claims.set(id(i), Claims::Claim{i, {key(1, 443, 443), key(1, 1, 400)}});
  }
  CHECK(claims.loss(id(0)) == nullptr);
  CHECK(claims.set(id(many - 1), Claims::Claim{many, {key(1, 443, 443)}}).empty());
  CHECK(claims.set(id(0), std::nullopt).size() == many - 1);
  CHECK(claims.loss(id(1)) == nullptr);
}

TEST_CASE("which addresses somebody older has is told at once") {
  Claims claims;
  claims.set(id(1), Claims::Claim{1, {key(1, 80, 80), key(3, 80, 80)}});
  claims.set(id(2), Claims::Claim{2, {key(1, 80, 90), key(2, 80, 80), key(3, 80, 80)}});
  CHECK(claims.lost_addresses(id(2)) ==
        std::set<Address>{key(1, 80, 80).address, key(3, 80, 80).address});
  CHECK(claims.lost_addresses(id(1)).empty());
  CHECK(claims.lost_addresses(id(9)).empty());
}

}  // namespace unit::port_claims_test
