// Any bytes as a packet, and as rules that it meets: nothing is read outside, a packet becomes the
// same bytes again, a run ends, and each rule has a text.
#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/packet/rules/interpret.hpp"
#include "core/packet/rules/rule_text.hpp"
#include "fuzz/fuzz.hpp"
#include "support/packet_rig.hpp"

namespace {

using namespace core::packet;
using fuzz::Input;
using fuzz::require;
using unit::packet_rig::KnownSurroundings;

constexpr std::size_t most_bytes = 32;  // of a value

Bytes some_bytes(Input& input) {
  Bytes bytes(input.byte() % (most_bytes + 1));
  for (std::uint8_t& byte : bytes) byte = input.byte();
  return bytes;
}
// Mostly one that there is.
Register some_register(Input& input) {
  const std::uint8_t byte = input.byte();
  return byte < 0xf0 ? byte % 64 : byte * 0x1000001U;
}
std::uint32_t some_length(Input& input) {
  const std::uint8_t byte = input.byte();
  return byte < 0xf0 ? byte % 40 : byte * 0x1000001U;
}
std::string some_chain(Input& input) {
  return std::string(1, static_cast<char>('a' + input.byte() % 4));
}
std::optional<Register> maybe_register(Input& input) {
  return input.byte() % 2 == 0 ? std::nullopt : std::optional(some_register(input));
}
Payload::Base some_base(Input& input) { return static_cast<Payload::Base>(input.byte() % 4); }

XtMatch some_match(Input& input) {
  XtMatch match{"m", 0, {}};
  switch (input.byte() % 8) {
    case 0:
      match.what = XtMark{input.number(), input.number(), false, input.byte() % 2 == 0};
      break;
    case 1: {
      XtConntrack conntrack;
      conntrack.flags = input.number();
      conntrack.inverted = input.number();
      conntrack.states = input.number();
      match.what = conntrack;
      break;
    }
    case 2:
      match.what = XtMultiport{{}, {{0, input.number()}}, false};
      break;
    case 3:
      match.what = XtAddrtype{input.number(), input.number(), false, false, true, false};
      break;
    case 4: {
      XtStatistic statistic;
      statistic.random = input.byte() % 2 == 0;
      statistic.probability = input.number() * 0x8001U;
      statistic.every = input.number();
      match.what = statistic;
      break;
    }
    case 5: {
      XtPorts ports;
      ports.protocol = input.byte();
      ports.flags_mask = input.byte();
      match.what = ports;
      break;
    }
    case 6:
      match.what = XtIcmp{input.byte(), input.byte(), input.byte(), false};
      break;
    default:
      break;
  }
  return match;
}

XtTarget some_target(Input& input) {
  XtTarget target{"T", 0, {}};
  switch (input.byte() % 6) {
    case 0:
      target.what = XtSetMark{input.number(), input.number(), input.byte() % 2 == 0};
      break;
    case 1:
      target.what = XtReject{input.byte(), false};
      break;
    case 2: {
      XtNat nat;
      nat.kind = static_cast<XtNat::Kind>(input.byte() % 4);
      nat.flags = input.byte();
      target.name = input.byte() % 2 == 0 ? "NETMAP" : "DNAT";
      target.what = nat;
      break;
    }
    case 3:
      target.what = XtTcpMss{input.number()};
      break;
    case 4:
      target.what = XtCopyMark{input.byte() % 2 == 0, input.number(), input.number()};
      break;
    default:
      break;
  }
  return target;
}

Bitwise some_bitwise(Input& input) {
  Bitwise bitwise;
  bitwise.op = static_cast<Bitwise::Op>(input.byte() % 6);
  bitwise.from = some_register(input);
  bitwise.to = some_register(input);
  bitwise.length = some_length(input);
  bitwise.mask = some_bytes(input);
  bitwise.flip = some_bytes(input);
  bitwise.shift = input.byte();
  bitwise.second = maybe_register(input);
  return bitwise;
}

Exthdr some_exthdr(Input& input) {
  Exthdr exthdr;
  exthdr.op = input.byte() % 6U;
  exthdr.type = input.byte();
  exthdr.offset = input.byte();
  exthdr.length = some_length(input);
  exthdr.presence = input.byte() % 2 == 0;
  exthdr.from = maybe_register(input);
  exthdr.to = some_register(input);
  return exthdr;
}

Expression some_expression(Input& input, bool nested);

Dynset some_dynset(Input& input) {
  Dynset dynset;
  dynset.set = some_chain(input);
  dynset.op = static_cast<Dynset::Op>(input.byte() % 3);
  dynset.key = some_register(input);
  dynset.expressions.push_back(some_expression(input, true));
  dynset.expressions.push_back(some_expression(input, true));
  return dynset;
}

Nat some_nat(Input& input) {
  Nat nat;
  nat.destination = input.byte() % 2 == 0;
  nat.family = input.byte() % 2 == 0 ? core::Family::ipv4 : core::Family::ipv6;
  nat.address_min = maybe_register(input);
  nat.address_max = maybe_register(input);
  nat.port_min = maybe_register(input);
  nat.port_max = maybe_register(input);
  nat.flags = input.byte();
  return nat;
}

Expression some_expression(Input& input, bool nested) {
  const auto at = [&] { return some_register(input); };
  switch (input.byte() % 26) {
    case 0:
      return Immediate{at(), some_bytes(input)};
    case 1:
      return Payload{some_base(input), input.byte(), some_length(input), at()};
    case 2:
      return PayloadWrite{some_base(input), input.byte(), some_length(input), at()};
    case 3:
      return Meta{input.byte() % 40U, at()};
    case 4:
      return MetaSet{input.byte() % 40U, at()};
    case 5:
      return Compare{static_cast<Compare::Op>(input.byte() % 6), at(), some_bytes(input)};
    case 6:
      return Range{input.byte() % 2 == 0, at(), some_bytes(input), some_bytes(input)};
    case 7:
      return some_bitwise(input);
    case 8:
      return Byteorder{input.byte() % 2 == 0, at(), at(), some_length(input), input.byte() % 9U};
    case 9:
      return Lookup{some_chain(input), at(), maybe_register(input), input.byte() % 2 == 0,
                    input.byte() % 2 == 0};
    case 10:
      return nested ? Expression(Counter{}) : Expression(some_dynset(input));
    case 11:
      return Ct{input.byte() % 26U, std::nullopt, at()};
    case 12:
      return CtSet{input.byte() % 26U, at()};
    case 13:
      return some_nat(input);
    case 14:
      return Masquerade{maybe_register(input), maybe_register(input), input.byte()};
    case 15:
      return Tproxy{input.byte(), maybe_register(input), maybe_register(input)};
    case 16:
      return Numgen{input.byte() % 2 == 0, input.byte(), input.byte(), at()};
    case 17: {
      Hash hash;
      hash.from = at();
      hash.length = some_length(input);
      hash.modulus = input.byte();
      hash.seed = input.byte();
      hash.to = at();
      return hash;
    }
    case 18:
      return Fib{input.byte() % 5U, input.byte(), at()};
    case 19:
      return Limit{input.number(), input.number(), input.byte(), false, input.byte() % 2 == 0};
    case 20:
      return some_exthdr(input);
    case 21:
      return Reject{input.byte() % 4U, input.byte()};
    case 22:
      return some_match(input);
    case 23:
      return some_target(input);
    case 24:
      return Verdict{static_cast<Verdict::Code>(input.byte() % 8), some_chain(input)};
    default:
      return Unknown{"x", input.byte() % 2 == 0};
  }
}

void put_sets(Input& input, HeldRuleset& ruleset) {
  for (const char* const name : {"a", "b"}) {
    const ChainId id{TableFamily::inet, "t", name};
    Set set{input.byte() % 8U, input.number(),     some_length(input),
            input.number(),    some_length(input), {}};
    if (input.byte() % 2 == 0) set.field_lengths = {input.byte() % 20U, input.byte() % 20U};
    ruleset.add_set(id, set);
    for (int i = input.byte() % 4; i > 0; --i) {
      Element element;
      element.key = some_bytes(input);
      if (input.byte() % 3 == 0) element.key_end = some_bytes(input);
      element.interval_end = input.byte() % 3 == 0;
      element.data = some_bytes(input);
      if (input.byte() % 3 == 0) element.verdict = Verdict{Verdict::Code::jump, "d"};
      ruleset.add_element(id, element);
    }
  }
}

// A run that goes round ends after many rules, which takes the time of many runs.
void lead_on(Rule& rule, const std::string& of) {
  for (Expression& expression : rule.expressions) {
    auto* const verdict = std::get_if<Verdict>(&expression);
    if (verdict != nullptr) verdict->chain = std::string(1, static_cast<char>(of[0] + 1));
  }
}

void check_packet(const Packet& packet) {
  const Bytes bytes = to_bytes(packet);
  require(bytes.size() == size_of(packet));
  require(parse_packet(bytes) == packet);
  require(!to_text(packet).empty());
}

void check_rules(Input& input, Packet packet) {
  HeldRuleset ruleset;
  const BaseChain chain{{TableFamily::inet, "t", "a"}, {}, Hook::forward, 0, false, {}};
  ruleset.add(chain);
  put_sets(input, ruleset);
  for (int i = 0; i < 12; ++i) {
    Rule rule;
    for (int left = input.byte() % 8; left > 0; --left) {
      rule.expressions.push_back(some_expression(input, false));
    }
    const std::string of = some_chain(input);
    lead_on(rule, of);
    ruleset.add_rule({TableFamily::inet, "t", of}, std::move(rule));
  }
  Context context;
  context.in = Device{3, "eth0", "veth", 1, 0};
  if (input.byte() % 2 == 0) {
    context.connection = Connection{};
    context.connection->original = tuple_of(packet);
  }
  KnownSurroundings surroundings;
  if (input.byte() % 2 == 0) surroundings.fib_answer = some_bytes(input);
  std::vector<std::size_t> script;
  for (int i = 0; i < 16; ++i) script.push_back(input.byte() % 2);
  Choices choices(script);
  const ChainResult result =
      run_chain(chain, packet, context, ruleset, surroundings, choices, input.byte() % 64 == 0);
  for (const Evaluated& one : result.rules) require(one.rule != nullptr && one.number != 0);
  require(result.by_policy || !result.rules.empty());
  for (const char* const name : {"a", "b", "c", "d"}) {
    const ChainId id{TableFamily::inet, "t", name};
    const auto* const rules = ruleset.rules(id);
    if (rules == nullptr) continue;
    for (const Rule& rule : *rules) (void)to_text(rule, id, ruleset);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t length = std::min<std::size_t>(input.byte(), input.rest().size());
  const auto packet = parse_packet(input.rest().first(length));
  if (packet) check_packet(*packet);
  for (std::size_t i = 0; i < length; ++i) (void)input.byte();
  check_rules(input, packet.value_or(unit::packet_rig::tcp_syn()));
  return 0;
}
