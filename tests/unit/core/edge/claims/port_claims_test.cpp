// Who may have a port that several claim, and why.
#include "core/edge/claims/port_claims.hpp"

#include <random>
#include <set>

#include "support/catch.hpp"

namespace unit::port_claims_test {

using namespace core;
using Why = Claims::Why;

namespace {

ObjectId id(const std::string& name) { return {Kind::mapping, {"shop", name}}; }

ForwardKey key(std::uint16_t first, std::uint16_t last = 0) {
  return {*Address::parse("203.0.113.5"), Protocol::tcp, {first, last == 0 ? first : last}};
}

Claims::Claim claim(std::vector<ForwardKey> keys, std::optional<std::int64_t> created = {}) {
  return {created, std::move(keys)};
}

// "80: a; 81-90: b"
std::string print(const std::vector<Claims::Loss>& losses) {
  std::string text;
  for (const Claims::Loss& loss : losses) {
    text += (text.empty() ? "" : "; ") + to_string(loss.key.ports) + ": " + loss.winner.name.name;
  }
  return text;
}

}  // namespace

TEST_CASE("claims: a conflict costs the port, and not the rest") {
  Claims claims;
  claims.set(id("old"), claim({key(80), key(81)}, 1));
  CHECK(claims.set(id("new"), claim({key(79), key(80), key(82)}, 2)) == std::set{id("new")});
  CHECK(claims.losses(id("new")) == std::vector<Claims::Loss>{{id("old"), key(80), Why::older}});
  // What it did get, a younger one cannot have.
  claims.set(id("third"), claim({key(82, 83)}, 3));
  CHECK(print(claims.losses(id("third"))) == "82-83: new");
  CHECK(claims.set(id("old"), std::nullopt) == std::set{id("new")});
  CHECK(claims.losses(id("new")).empty());
}

TEST_CASE("claims: without ages who has a port keeps it") {
  Claims claims;
  claims.begin_batch();
  claims.set(id("web"), claim({key(80), key(81)}));
  claims.begin_batch();
  CHECK(claims.set(id("aaa"), claim({key(80), key(90)})) == std::set{id("aaa")});
  CHECK(claims.losses(id("web")).empty());
  CHECK(claims.losses(id("aaa")) == std::vector<Claims::Loss>{{id("web"), key(80), Why::held}});
  // Also while it is edited, and not what it asks for only then.
  claims.begin_batch();
  CHECK(claims.set(id("web"), claim({key(90), key(80)})) == std::set{id("web")});
  CHECK(print(claims.losses(id("web"))) == "90: aaa");
  CHECK(print(claims.losses(id("aaa"))) == "80: web");
  claims.set(id("web"), claim({key(90)}));
  CHECK(claims.losses(id("aaa")).empty());
}

TEST_CASE("claims: of two that come together the name decides, and says so") {
  Claims claims;
  claims.begin_batch();
  claims.set(id("a"), claim({key(80)}));
  claims.set(id("b"), claim({key(80)}));
  CHECK(claims.losses(id("b")) == std::vector<Claims::Loss>{{id("a"), key(80), Why::name}});
  claims.set(id("c"), claim({key(80)}, 1));
  CHECK(claims.losses(id("c")) == std::vector<Claims::Loss>{{id("a"), key(80), Why::manifest}});
}

TEST_CASE("claims: what an earlier process had in effect is in effect again, in any order") {
  Claims before;
  before.begin_batch();
  before.set(id("web"), claim({key(80), key(81)}));
  before.begin_batch();
  before.set(id("aaa"), claim({key(80), key(90)}));
  for (const bool first : {true, false}) {
    Claims claims;
    claims.remember(before.held());
    claims.begin_batch();
    // Somebody came while nobody looked.
    claims.set(id("0"), claim({key(81), key(90)}));
    claims.set(id(first ? "aaa" : "web"),
               first ? claim({key(80), key(90)}) : claim({key(80), key(81)}));
    claims.set(id(first ? "web" : "aaa"),
               first ? claim({key(80), key(81)}) : claim({key(80), key(90)}));
    claims.settle();
    CHECK(claims.losses(id("web")).empty());
    CHECK(print(claims.losses(id("aaa"))) == "80: web");
    CHECK(print(claims.losses(id("0"))) == "81: web; 90: aaa");
    CHECK(claims.losses(id("0")).front().why == Why::held);
    CHECK(claims.held() == before.held());
  }
}

TEST_CASE("claims: ages decide the same in every order") {
  std::mt19937 random(GENERATE(1U, 2U, 3U, 4U, 5U));
  const auto below = [&](unsigned limit) { return random() % limit; };
  std::map<ObjectId, Claims::Claim> all;
  for (unsigned i = 0; i < 30; ++i) {
    std::vector<ForwardKey> keys;
    for (unsigned j = 0; j <= below(4); ++j) {
      const auto first = static_cast<std::uint16_t>(1 + below(60));
      keys.push_back(key(first, static_cast<std::uint16_t>(first + below(3) * below(20))));
    }
    all[id(std::to_string(i))] = claim(keys, below(10));
  }
  Claims grown;
  for (int step = 0; step < 300; ++step) {
    const auto at = std::next(all.begin(), static_cast<std::ptrdiff_t>(below(30)));
    grown.set(at->first, below(3) == 0 ? std::nullopt : std::optional(at->second));
  }
  Claims fresh;
  for (const auto& [name, wanted] : all) {
    grown.set(name, wanted);
    fresh.set(name, wanted);
  }
  for (const auto& [name, wanted] : all) {
    INFO(to_string(name));
    CHECK(print(grown.losses(name)) == print(fresh.losses(name)));
    // Nobody lost what nobody has.
    for (const Claims::Loss& loss : fresh.losses(name)) {
      CHECK(fresh.overlapping(claim({loss.key})).contains(loss.winner));
    }
  }
}

TEST_CASE("claims: a reason names each winner once, and what decided") {
  using Losses = std::vector<Claims::Loss>;
  CHECK(explain({}).empty());
  CHECK(explain(Losses{{id("a"), key(80), Why::older}}) ==
        std::vector<std::string>{"203.0.113.5:80/tcp belongs to the older Mapping shop/a: take "
                                 "another address or port, or remove that one"});
  const auto lines = explain(Losses{{id("a"), key(80), Why::held},
                                    {id("b"), key(1), Why::name},
                                    {id("a"), key(81), Why::held},
                                    {id("a"), key(82), Why::held}});
  REQUIRE(lines.size() == 2);
  CHECK(
      lines[0].starts_with("203.0.113.5:80/tcp, 203.0.113.5:81/tcp and 203.0.113.5:82/tcp belong "
                           "to Mapping shop/a, which had it first: "));
  CHECK(lines[1].find("shop/b, whose name comes first (neither is older)") != std::string::npos);
  Losses many;
  for (std::uint16_t port = 1; port <= 9; ++port) many.push_back({id("a"), key(port), Why::older});
  CHECK(explain(many).front().find("203.0.113.5:4/tcp and 5 more belong to") != std::string::npos);
}

TEST_CASE("claims: of many in a row, a new one concerns those that it meets") {
  Claims claims;
  constexpr int many = 2000;
  const auto name = [](int number) { return id(std::to_string(1000 + number)); };
  const auto range = [](int number) {
    return key(static_cast<std::uint16_t>(10 * number + 1),
               static_cast<std::uint16_t>(10 * number + 11));
  };
  for (int i = 0; i < many; ++i) {
    CHECK(claims.set(name(i), claim({range(i)}, i)).size() == (i % 2 == 0 ? 0 : 1));
  }
  // The oldest goes: all change places, but the two at the ends.
  CHECK(claims.set(name(0), std::nullopt).size() == many - 1);
  CHECK(claims.losses(name(1)).empty());
  CHECK(claims.losses(name(many - 1)).empty());
}

TEST_CASE("claims: of one port that all want, only those that wait for it are told") {
  Claims claims;
  constexpr int many = 3000;
  for (int i = 0; i < many; ++i) {
    claims.set(id(std::to_string(1000 + i)), claim({key(443), key(1, 400)}, i));
  }
  CHECK(claims.losses(id("1000")).empty());
  CHECK(claims.set(id("9999"), claim({key(443)}, many)) == std::set{id("9999")});
  CHECK(claims.set(id("1000"), std::nullopt).size() == many);
  CHECK(claims.losses(id("1001")).empty());
}

TEST_CASE("claims: the addresses that somebody else has are told at once") {
  Claims claims;
  const ForwardKey other{*Address::parse("203.0.113.6"), Protocol::tcp, {80, 80}};
  claims.set(id("old"), claim({key(80)}, 1));
  claims.set(id("new"), claim({key(80, 90), other}, 2));
  CHECK(claims.lost_addresses(id("new")) == std::set{key(80).address});
  CHECK(claims.lost_addresses(id("old")).empty());
  CHECK(claims.lost_addresses(id("nobody")).empty());
}

}  // namespace unit::port_claims_test
