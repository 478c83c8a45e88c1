#include "core/packet/ruleset.hpp"

#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_ruleset_test {

using namespace packet_rig;

namespace {

const ChainId id{TableFamily::ip, "t", "s"};
constexpr std::uint32_t interval = 4, concat = 0x80;

Element entry(Bytes key, Bytes data) {
  Element one = packet_rig::element(std::move(key));
  one.data = std::move(data);
  return one;
}
Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
    all.resize((all.size() + 3) / 4 * 4, 0);
  }
  return all;
}

bool has(HeldRuleset& ruleset, const Bytes& key) {
  return ruleset.find(id, key).answer == Found::Answer::yes;
}

}  // namespace

TEST_CASE("base chains are in the order in which packets meet them") {
  HeldRuleset ruleset;
  const auto add = [&](const char* name, Hook hook, int priority) {
    ruleset.add(BaseChain{{TableFamily::inet, "t", name}, {}, hook, priority, false, {}});
  };
  add("late", Hook::forward, 10);
  add("first", Hook::forward, 0);
  add("second", Hook::forward, 0);
  add("in", Hook::prerouting, 100);
  std::string names;
  for (const BaseChain& chain : ruleset.base_chains()) names += chain.id.name + " ";
  CHECK(names == "in first second late ");
  CHECK(ruleset.rules({TableFamily::inet, "t", "first"}) != nullptr);
  CHECK(ruleset.rules({TableFamily::inet, "t", "none"}) == nullptr);
}

TEST_CASE("a set has its elements and no others") {
  HeldRuleset ruleset;
  CHECK(ruleset.find(id, be16(80)).answer == Found::Answer::unknown);
  CHECK(ruleset.set(id) == nullptr);
  ruleset.add_set(id, {0, 13, 2, 0, 0, {}});
  CHECK(!has(ruleset, be16(80)));
  ruleset.add_element(id, entry(be16(80), {1}));
  ruleset.add_element(id, entry(be16(22), {2}));
  CHECK(has(ruleset, be16(80)));
  CHECK(!has(ruleset, be16(81)));
  CHECK(ruleset.find(id, be16(22)).data == Bytes{2});
  CHECK(ruleset.elements(id, 1).size() == 1);
  Element old = element(be16(443));
  old.expired = true;
  ruleset.add_element(id, old);
  CHECK(!has(ruleset, be16(443)));
}

TEST_CASE("an interval lasts until the next element") {
  HeldRuleset ruleset;
  ruleset.add_set(id, {interval, 7, 4, 0, 0, {}});
  // 10.0.0.0/24 next to 10.0.1.0/24, and 192.0.2.0/24 alone; in the kernel's order
  ruleset.add_element(id, ends_before(address_bytes("192.0.3.0")));
  ruleset.add_element(id, entry(address_bytes("192.0.2.0"), {3}));
  ruleset.add_element(id, ends_before(address_bytes("10.0.2.0")));
  ruleset.add_element(id, entry(address_bytes("10.0.1.0"), {2}));
  ruleset.add_element(id, entry(address_bytes("10.0.0.0"), {1}));
  ruleset.add_element(id, ends_before(address_bytes("0.0.0.0")));
  CHECK(!has(ruleset, address_bytes("9.255.255.255")));
  CHECK(ruleset.find(id, address_bytes("10.0.0.0")).data == Bytes{1});
  CHECK(ruleset.find(id, address_bytes("10.0.0.255")).data == Bytes{1});
  CHECK(ruleset.find(id, address_bytes("10.0.1.0")).data == Bytes{2});
  CHECK(!has(ruleset, address_bytes("10.0.2.0")));
  CHECK(has(ruleset, address_bytes("192.0.2.255")));
  CHECK(!has(ruleset, address_bytes("192.0.3.0")));
  CHECK(!has(ruleset, address_bytes("255.255.255.255")));
}

TEST_CASE("an interval may begin where another ends") {
  HeldRuleset ruleset;
  ruleset.add_set(id, {interval, 13, 2, 0, 0, {}});
  ruleset.add_element(id, entry(be16(10), {1}));
  ruleset.add_element(id, entry(be16(20), {2}));
  ruleset.add_element(id, ends_before(be16(20)));
  CHECK(ruleset.find(id, be16(20)).data == Bytes{2});
  CHECK(ruleset.find(id, be16(65535)).data == Bytes{2});  // without an end
}

TEST_CASE("ranges may have their end with them") {
  HeldRuleset ruleset;
  ruleset.add_set(id, {interval, 13, 2, 0, 0, {}});
  ruleset.add_element(id, between(be16(1000), be16(2000)));
  CHECK(has(ruleset, be16(1000)));
  CHECK(has(ruleset, be16(2000)));
  CHECK(!has(ruleset, be16(2001)));
}

TEST_CASE("each field of a concatenation has its range") {
  HeldRuleset ruleset;
  ruleset.add_set(id, {interval | concat, 0, 8, 0, 0, {4, 2}});
  ruleset.add_element(id, between(joined({address_bytes("10.0.0.0"), be16(80)}),
                                  joined({address_bytes("10.0.0.255"), be16(90)})));
  ruleset.add_element(id, element(joined({address_bytes("192.0.2.1"), be16(22)})));
  CHECK(has(ruleset, joined({address_bytes("10.0.0.5"), be16(85)})));
  CHECK(!has(ruleset, joined({address_bytes("10.0.0.5"), be16(91)})));
  CHECK(!has(ruleset, joined({address_bytes("10.0.1.5"), be16(85)})));
  CHECK(has(ruleset, joined({address_bytes("192.0.2.1"), be16(22)})));
  // No interval begins at an element without an end.
  CHECK(!has(ruleset, joined({address_bytes("192.0.2.1"), be16(23)})));
}

TEST_CASE("what no element has is the catch-all's") {
  HeldRuleset ruleset;
  ruleset.add_set(id, {0, 13, 2, 13, 2, {}});
  ruleset.add_element(id, entry(be16(80), {1}));
  Element all;
  all.catch_all = true;
  all.data = {9};
  ruleset.add_element(id, all);
  CHECK(ruleset.find(id, be16(80)).data == Bytes{1});
  CHECK(ruleset.find(id, be16(81)).data == Bytes{9});
}

TEST_CASE("elements bring verdicts and expressions along") {
  HeldRuleset ruleset;
  ruleset.add_set(id, {0, 13, 2, 0xffffff00, 0, {}});
  Element one = element(be16(80));
  one.verdict = jump("web");
  one.expressions = {Counter{1, 2}};
  ruleset.add_element(id, one);
  const Found found = ruleset.find(id, be16(80));
  CHECK(found.verdict == jump("web"));
  CHECK(found.expressions == std::vector<Expression>{Counter{1, 2}});
  ruleset.add_object(id, 1, Counter{5, 6});
  CHECK(ruleset.object(id, 1) == std::optional<Expression>(Counter{5, 6}));
  CHECK(!ruleset.object(id, 2));
}

}  // namespace unit::packet_ruleset_test
