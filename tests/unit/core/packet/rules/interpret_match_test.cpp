// Registers: loads, comparisons, arithmetic, sets.
#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret.hpp"
#include "core/packet/rules/jhash.hpp"
#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_interpret_match_test {

using namespace packet_rig;

namespace {

Payload network(std::uint32_t offset, std::uint32_t length, Register to = 0) {
  return {Payload::Base::network, offset, length, to};
}
Payload transport(std::uint32_t offset, std::uint32_t length, Register to = 0) {
  return {Payload::Base::transport, offset, length, to};
}
Compare compare(Compare::Op op, Bytes value) { return {op, 0, std::move(value)}; }
Bitwise mask(std::uint32_t length, Bytes bits, Bytes flip) {
  Bitwise bitwise;
  bitwise.length = length;
  bitwise.mask = std::move(bits);
  bitwise.flip = std::move(flip);
  return bitwise;
}

}  // namespace

TEST_CASE("headers are read where the kernel reads them") {
  Rig rig;
  CHECK(rig.matches({network(12, 4), equals(address_bytes("10.0.0.1"))}));
  CHECK(rig.matches({network(16, 4), equals(address_bytes("192.0.2.7"))}));
  CHECK(!rig.matches({network(16, 4), equals(address_bytes("192.0.2.8"))}));
  CHECK(rig.matches({transport(2, 2), equals(be16(443))}));
  // What is behind a short load is 0.
  CHECK(rig.matches({Immediate{0, {1, 2, 3, 4}}, transport(2, 2), equals({1, 187, 0, 0})}));
  rig.packet.options = {148, 4, 0, 0};
  CHECK(rig.matches({transport(2, 2), equals(be16(443))}));
  rig.packet = tcp_syn6();
  CHECK(rig.matches({network(24, 16), equals(address_bytes("2001:db8::7"))}));
  rig.packet.options = {0, 0, 1, 4, 0, 0, 0, 0};
  CHECK(rig.matches({transport(2, 2), equals(be16(443))}));
  CHECK(rig.decided());
}

TEST_CASE("what a packet does not have does not match") {
  Rig rig;
  CHECK(!rig.matches({network(43, 2)}));
  CHECK(!rig.matches({network(4000000000, 4)}));
  rig.packet.fragment_offset = 100;
  CHECK(!rig.matches({transport(0, 2)}));
  CHECK(!rig.matches({Payload{Payload::Base::inner, 0, 1, 0}}));
  rig.packet = tcp_syn();
  rig.packet.payload = {42};
  CHECK(rig.matches({Payload{Payload::Base::inner, 0, 1, 0}, equals({42})}));
  CHECK(rig.decided());
}

TEST_CASE("the link header is read where it is known") {
  Rig rig;
  const Payload protocol{Payload::Base::link, 12, 2, 0};
  CHECK(!rig.matches({protocol, equals({8, 0})}));
  CHECK(rig.assumed() == "the link header is not known: assumed not to fit");
  rig.context.link_header = Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0};
  CHECK(rig.matches({protocol, equals({8, 0})}));
  CHECK(rig.matches({Payload{Payload::Base::link, 14, 1, 0}, equals({0x45})}));
  rig.context.link_header.reset();
  rig.context.in.reset();
  CHECK(!rig.matches({protocol}));
  CHECK(rig.decided());
}

TEST_CASE("comparisons are those of bytes") {
  Rig rig;
  using Op = Compare::Op;
  const auto holds = [&](Op op, std::uint16_t port) {
    return rig.matches({transport(2, 2), compare(op, be16(port))});
  };
  CHECK(holds(Op::eq, 443));
  CHECK(!holds(Op::neq, 443));
  CHECK(holds(Op::neq, 80));
  CHECK(!holds(Op::lt, 443));
  CHECK(holds(Op::lt, 444));
  CHECK(holds(Op::lte, 443));
  CHECK(!holds(Op::gt, 443));
  CHECK(holds(Op::gt, 255));
  CHECK(holds(Op::gte, 443));
  const auto within = [&](bool inside, std::uint16_t from, std::uint16_t to) {
    return rig.matches({transport(2, 2), Range{inside, 0, be16(from), be16(to)}});
  };
  CHECK(within(true, 443, 443));
  CHECK(!within(true, 444, 500));
  CHECK(within(false, 444, 500));
  CHECK(!within(false, 80, 443));
}

TEST_CASE("what decides a comparison need not be all that is compared") {
  Rig rig;
  const Meta cpu{meta_cpu, 0};
  // Nothing is known of the first word.
  CHECK(!rig.matches({cpu, equals({1, 0, 0, 0})}));
  CHECK(rig.assumed() == "meta cpu is not known: assumed not to fit");
  CHECK(rig.matches({cpu, equals({1, 0, 0, 0})}, {1}));
  // The second word differs.
  CHECK(!rig.matches({cpu, Immediate{4, {9, 9, 9, 9}}, equals({1, 0, 0, 0, 8, 9, 9, 9})}));
  CHECK(rig.decided());
  CHECK(rig.matches(
      {cpu, Immediate{4, {9, 9, 9, 9}}, Compare{Compare::Op::neq, 0, {1, 0, 0, 0, 8, 9, 9, 9}}}));
  CHECK(rig.decided());
  // Bits that a mask clears may be any.
  CHECK(rig.matches({cpu, mask(4, {0, 0, 0, 0}, {5, 0, 0, 0}), equals({5, 0, 0, 0})}));
  CHECK(rig.decided());
  CHECK(!rig.matches({cpu, mask(4, {1, 0, 0, 0}, {0, 0, 0, 0}), equals({0, 7, 0, 0})}));
  CHECK(rig.decided());
  CHECK(!rig.matches({cpu, mask(4, {1, 0, 0, 0}, {0, 0, 0, 0}), equals({0, 0, 0, 0})}));
  CHECK(rig.assumed() == "meta cpu is not known: assumed not to fit");
  CHECK(!rig.matches({cpu, Range{true, 0, {0, 0, 0, 0}, {1, 0, 0, 0}}}));
  CHECK(!rig.decided());
  // Nobody wrote this register.
  CHECK(!rig.matches({equals({0}, 60)}));
  CHECK(rig.assumed() == "a register is not known: assumed not to fit");
}

TEST_CASE("registers outside are none") {
  Rig rig;
  CHECK(rig.matches({Immediate{60, {1, 2, 3, 4, 5, 6, 7, 8}}, equals({1, 2, 3, 4}, 60)}));
  CHECK(rig.matches({network(0, 20, 4000)}));
  CHECK(!rig.matches({equals({1, 2, 3, 4}, 62)}));
  Bitwise bitwise = mask(4000, {1}, {});
  bitwise.from = 50;
  bitwise.to = 4000;
  CHECK(rig.matches({bitwise, Byteorder{true, 4000, 60, 4000, 4}}));
  bitwise.to = 4000000001;
  CHECK(rig.matches({bitwise, Byteorder{true, 50, 4000000001, 4, 4}}));
}

TEST_CASE("bits are masked, shifted and combined") {
  Rig rig;
  CHECK(rig.matches({network(12, 4), mask(4, {255, 255, 0, 0}, {0, 0, 0, 1}),
                     equals(address_bytes("10.0.0.1"))}));
  Bitwise shift;
  shift.op = Bitwise::Op::left_shift;
  shift.length = 4;
  shift.shift = 4;
  CHECK(rig.matches({Immediate{0, host32(0x12345678)}, shift, equals(host32(0x23456780))}));
  shift.op = Bitwise::Op::right_shift;
  CHECK(rig.matches({Immediate{0, host32(0x12345678)}, shift, equals(host32(0x01234567))}));
  // Over two words, the first one the higher.
  shift.length = 8;
  CHECK(rig.matches({Immediate{0, host32(0x12345678)}, Immediate{4, host32(0x9abcdef0)}, shift,
                     equals(host32(0x01234567)), equals(host32(0x89abcdef), 4)}));
  shift.op = Bitwise::Op::left_shift;
  CHECK(rig.matches({Immediate{0, host32(0x12345678)}, Immediate{4, host32(0x9abcdef0)}, shift,
                     equals(host32(0x23456789)), equals(host32(0xabcdef00), 4)}));
  shift.shift = 0;
  CHECK(rig.matches({Immediate{0, host32(5)}, Immediate{4, host32(6)}, shift, equals(host32(5)),
                     equals(host32(6), 4)}));
  Bitwise both;
  both.op = Bitwise::Op::op_or;
  both.length = 4;
  both.second = 4;
  CHECK(rig.matches({Immediate{0, host32(5)}, Immediate{4, host32(10)}, both, equals(host32(15))}));
  both.op = Bitwise::Op::op_and;
  CHECK(rig.matches({Immediate{0, host32(7)}, Immediate{4, host32(10)}, both, equals(host32(2))}));
  both.op = Bitwise::Op::op_xor;
  both.second.reset();
  both.mask = host32(1);
  CHECK(rig.matches({Immediate{0, host32(7)}, both, equals(host32(6))}));
}

TEST_CASE("bytes are turned around") {
  Rig rig;
  const auto turned = [&](std::uint32_t length, std::uint32_t size, Bytes wanted) {
    return rig.matches({Immediate{0, {1, 2, 3, 4, 5, 6, 7, 8}}, Byteorder{true, 0, 0, length, size},
                        equals(std::move(wanted))});
  };
  CHECK(turned(2, 2, {2, 1, 3, 4}));
  CHECK(turned(4, 2, {2, 1, 4, 3}));
  CHECK(turned(8, 4, {4, 3, 2, 1, 8, 7, 6, 5}));
  CHECK(turned(8, 8, {8, 7, 6, 5, 4, 3, 2, 1}));
}

TEST_CASE("keys are looked up in sets") {
  Rig rig;
  rig.set("s", {0, 13, 2, 0, 0, {}}, {});
  Element element;
  element.key = be16(443);
  rig.ruleset.add_element(rig.id("s"), element);
  rig.set("m", {8, 13, 2, 7, 4, {}}, {});
  element.data = address_bytes("10.9.9.9");
  rig.ruleset.add_element(rig.id("m"), element);
  const Lookup contained{"s", 0, std::nullopt, false, false};
  const Lookup inverted{"s", 0, std::nullopt, false, true};
  rig.rule({transport(2, 2), contained, Counter{}});
  rig.rule({transport(2, 2), inverted, Counter{}});
  rig.rule({transport(2, 2), Lookup{"m", 0, 8, false, false}, equals(address_bytes("10.9.9.9"), 8),
            Counter{}});
  CHECK(rig.run().rules.size() == 2);
  rig.packet.destination_port = 80;
  CHECK(rig.run().rules.size() == 1);
  CHECK(rig.decided());
  CHECK(!rig.matches({transport(2, 2), Lookup{"gone", 0, std::nullopt, false, false}}));
  CHECK(rig.assumed() == "the set @gone cannot be read: assumed not to have it");
  rig.rule({Meta{meta_cpu, 0}, contained, drop()});
  CHECK(rig.run().verdict == ChainResult::Verdict::accept);
  CHECK(rig.assumed() == "meta cpu is not known: assumed not to fit");
}

TEST_CASE("a limit of an element makes it not match") {
  Rig rig;
  rig.set("s", {0, 13, 2, 0, 0, {}}, {});
  Element element;
  element.key = be16(443);
  element.expressions = {Limit{10, 1, 5, false, true}};
  rig.ruleset.add_element(rig.id("s"), element);
  rig.rule({transport(2, 2), Lookup{"s", 0, std::nullopt, false, false}, drop()});
  CHECK(rig.run().verdict == ChainResult::Verdict::accept);
  CHECK(rig.assumed() == "limit rate 10/second: assumed not to be exceeded");
  CHECK(rig.run({1}).verdict == ChainResult::Verdict::drop);
}

TEST_CASE("sets are added to by packets") {
  Rig rig;
  rig.set("s", {0, 13, 2, 0, 0, {}}, {});
  Dynset dynset;
  dynset.set = "s";
  dynset.expressions = {Connlimit{10, true}};
  rig.rule({transport(2, 2), dynset, drop()});
  CHECK(rig.run().verdict == ChainResult::Verdict::accept);
  CHECK(rig.assumed() == "ct count 10: assumed not to be exceeded");
  CHECK(rig.run({1}).verdict == ChainResult::Verdict::drop);
  dynset.expressions.clear();
  dynset.inverted = true;
  CHECK(!rig.matches({transport(2, 2), dynset}));
  // What was added is there.
  Rig added;
  added.set("s", {0, 13, 2, 0, 0, {}}, {});
  dynset.inverted = false;
  added.rule({transport(2, 2), dynset});
  added.rule({transport(2, 2), Lookup{"s", 0, std::nullopt, false, false}, drop()});
  CHECK(added.run().verdict == ChainResult::Verdict::drop);
}

TEST_CASE("a hash chooses as the kernel does") {
  Rig rig;
  Hash hash;
  hash.length = 8;
  hash.modulus = 10;
  hash.seed = 0x706f6e61;
  hash.offset = 100;
  hash.to = 16;
  Bytes key = address_bytes("10.0.0.1");
  key.insert(key.end(), {156, 64, 0, 0});
  const std::uint32_t chosen = scaled(jhash(key, 0x706f6e61), 10) + 100;
  CHECK(rig.matches({network(12, 4), transport(0, 2, 4), hash, equals(host32(chosen), 16)}));
  CHECK(rig.decided());
  hash.seed.reset();
  CHECK(rig.matches({network(12, 8), hash, equals(host32(103), 16)}, {3}));
  CHECK(rig.assumed() == "jhash mod 10");
  hash.symmetric = true;
  CHECK(rig.matches({hash, equals(host32(100), 16)}));
  CHECK(rig.taken[0].fork.options == 10);
  CHECK(rig.matches({Numgen{false, 1, 5, 0}, equals(host32(5))}));
  CHECK(rig.decided());
}

TEST_CASE("limits are assumed to hold, quotas are computed") {
  Rig rig;
  CHECK(rig.matches({Limit{10, 60, 5, false, false}}));
  CHECK(rig.assumed() == "limit rate 10/minute: assumed not to be exceeded");
  CHECK(!rig.matches({Limit{10, 60, 5, true, true}}));
  CHECK(rig.matches({Connlimit{3, false}}));
  CHECK(!rig.matches({Connlimit{3, true}}));
  CHECK(rig.matches({Quota{1000, 0, false}}));
  CHECK(rig.decided());
  CHECK(!rig.matches({Quota{1000, 999, false}}));
  CHECK(rig.matches({Quota{1000, 1000, true}}));
  CHECK(!rig.matches({Quota{1000, 0, true}}));
}

}  // namespace unit::packet_interpret_match_test
