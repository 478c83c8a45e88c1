// Chains, jumps and policies; what is recorded.
#include "core/packet/rules/interpret.hpp"
#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_interpret_chain_test {

using namespace packet_rig;
using Result = ChainResult::Verdict;

namespace {

Compare never() { return equals({0xff}); }
Payload first_byte() { return {Payload::Base::network, 0, 1, 0}; }

std::string way(const ChainResult& result) {
  std::string text;
  for (const Evaluated& one : result.rules) {
    text += one.chain.name + std::to_string(one.number) + (one.matched ? "" : "-") + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("without a rule that fits, the policy decides") {
  Rig rig;
  rig.rule({first_byte(), never(), drop()});
  ChainResult result = rig.run();
  CHECK(result.verdict == Result::accept);
  CHECK(result.by_policy);
  CHECK(result.rules.empty());
  rig.chain.drops = true;
  CHECK(rig.run().verdict == Result::drop);
}

TEST_CASE("the first verdict ends a chain") {
  Rig rig;
  rig.rule({Counter{}});
  rig.rule({first_byte(), never(), drop()});
  rig.rule({accept()});
  rig.rule({drop()});
  const ChainResult result = rig.run();
  CHECK(result.verdict == Result::accept);
  CHECK(!result.by_policy);
  CHECK(way(result) == "c1 c3 ");
  CHECK(result.rules.back().verdict == accept());
  CHECK(way(rig.run({}, true)) == "c1 c2- c3 ");
}

TEST_CASE("a jump comes back, a goto does not") {
  Rig rig;
  rig.rule({jump("a")});
  rig.rule({jump("b")});
  rig.rule({drop()});
  rig.rule({go_to("d")}, "a");
  rig.rule({drop()}, "a");
  rig.rule({back()}, "b");
  rig.rule({drop()}, "b");
  rig.rule({Counter{}}, "d");
  const ChainResult result = rig.run();
  CHECK(way(result) == "c1 a1 d1 c2 b1 c3 ");
  CHECK(result.verdict == Result::drop);
}

TEST_CASE("a verdict that leads nowhere is told without the chain of a jump before") {
  Rig rig;
  rig.rule({jump("a")});
  rig.rule({Reject{}}, "a");
  CHECK(rig.run().rules.back().verdict == drop());
}

TEST_CASE("a goto or a return from the base chain leads to the policy") {
  Rig rig;
  rig.rule({go_to("a")});
  rig.rule({drop()});
  rig.rule({Counter{}}, "a");
  CHECK(rig.run().by_policy);
  Rig other;
  other.rule({back()});
  other.rule({drop()});
  CHECK(other.run().by_policy);
}

TEST_CASE("jumps are 16 deep, and loops end") {
  Rig rig;
  rig.rule({jump("a")});
  rig.rule({jump("a")}, "a");
  CHECK(rig.run().verdict == Result::drop);
  Rig loop;
  loop.rule({go_to("a")});
  loop.rule({go_to("a")}, "a");
  const ChainResult result = loop.run();
  CHECK(result.by_policy);
  CHECK(loop.assumed() == "more than 200000 rules: assumed that the policy decides");
}

TEST_CASE("a chain that cannot be read is assumed to be empty") {
  Rig rig;
  rig.rule({jump("gone")});
  rig.rule({drop()});
  CHECK(rig.run().verdict == Result::drop);
  CHECK(rig.assumed() == "the chain inet t gone cannot be read: assumed to be empty");
  CHECK(rig.taken[0].fork.where == "inet t c rule 1");
  CHECK(rig.taken[0].fork.options == 1);
}

TEST_CASE("packets to a queue are told apart") {
  Rig rig;
  rig.rule({Verdict{Verdict::Code::queue, ""}});
  CHECK(rig.run().verdict == Result::queue);
}

TEST_CASE("chains see packets of their family") {
  Rig rig;
  rig.chain.id.family = TableFamily::ip6;
  rig.ruleset.add(rig.chain);
  rig.rule({drop()});
  CHECK(rig.run().verdict == Result::accept);
  rig.packet = tcp_syn6();
  CHECK(rig.run().verdict == Result::drop);
}

TEST_CASE("what is not known is assumed not to fit, and said") {
  Rig rig;
  rig.rule({Unknown{"frobnicate", false}, drop()});
  CHECK(rig.run().verdict == Result::accept);
  CHECK(rig.assumed() == "the expression frobnicate is not known: assumed not to fit");
  CHECK(rig.run({1}).verdict == Result::drop);
  CHECK(rig.alone({Unknown{"synproxy", true}}, {1}).verdict == Result::drop);
}

TEST_CASE("verdicts may lie in maps") {
  Rig rig;
  rig.set("m", {8, 13, 2, 0xffffff00, 0, {}}, {});
  Element element;
  element.key = be16(443);
  element.verdict = jump("web");
  rig.ruleset.add_element(rig.id("m"), element);
  rig.rule({Payload{Payload::Base::transport, 2, 2, 0}, Lookup{"m", 0, std::nullopt, true, false},
            drop()});
  rig.rule({drop()}, "web");
  const ChainResult result = rig.run();
  CHECK(way(result) == "c1 web1 ");
  CHECK(result.rules[0].verdict == jump("web"));
  rig.packet.destination_port = 80;
  CHECK(rig.run().by_policy);
}

TEST_CASE("a limit of an element has the last word over its verdict") {
  Rig rig;
  rig.set("m", {8, 13, 2, 0xffffff00, 0, {}}, {});
  Element element;
  element.key = be16(443);
  element.verdict = drop();
  element.expressions = {Limit{10, 1, 5, false, true}};
  rig.ruleset.add_element(rig.id("m"), element);
  rig.rule({Payload{Payload::Base::transport, 2, 2, 0}, Lookup{"m", 0, std::nullopt, true, false}});
  CHECK(rig.run().by_policy);
  CHECK(rig.run({1}).verdict == Result::drop);
}

TEST_CASE("balancing goes each way") {
  Rig rig;
  rig.set("m", {8, 4, 4, 0xffffff00, 0, {}}, {});
  for (std::uint32_t i = 0; i < 3; ++i) {
    Element element;
    element.key = host32(i);
    element.verdict = go_to("ep" + std::to_string(i));
    rig.ruleset.add_element(rig.id("m"), element);
    rig.rule({Immediate{0, host32(i)}, MetaSet{3, 0}}, "ep" + std::to_string(i));
  }
  rig.rule({Numgen{true, 3, 0, 0}, Lookup{"m", 0, std::nullopt, true, false}});
  std::string marks;
  std::optional<std::vector<std::size_t>> script{std::in_place};
  while (script) {
    Choices choices(*script);
    rig.context.mark = 9;
    const ChainResult result = run_chain(rig.chain, rig.packet, rig.context, rig.ruleset,
                                         rig.surroundings, choices, false);
    CHECK(result.marked);
    CHECK(choices.taken().at(0).fork.what == "numgen random mod 3");
    marks += std::to_string(rig.context.mark);
    script = choices.next(Fork::Kind::balancing, 10);
  }
  CHECK(marks == "012");
}

}  // namespace unit::packet_interpret_chain_test
