// Any bytes as anybody's rules of nf_tables, decoded and carried out: nothing crashes, all of it
// ends, registers stay within their file, and a rule is told and carried out alike each time.
//
// An input is what kind of bytes follow, then a family, then these.
#include <string>
#include <variant>
#include <vector>

#include "core/packet/rules/interpret.hpp"
#include "fuzz/fuzz.hpp"
#include "net/packet/decode_expression.hpp"
#include "net/packet/decode_xt.hpp"
#include "net/packet/ruleset_messages.hpp"

namespace {

using fuzz::require;
using namespace core::packet;

TableFamily family_of(std::uint8_t byte) {
  constexpr TableFamily families[] = {TableFamily::ip, TableFamily::ip6, TableFamily::inet,
                                      TableFamily::netdev};
  return families[byte % 4];
}

class Nowhere final : public Surroundings {
 public:
  std::optional<Bytes> fib(const Packet&, const Context&, const Fib&) override {
    return std::nullopt;
  }
  std::optional<std::uint32_t> address_type(const core::Address&, std::uint32_t) override {
    return std::nullopt;
  }
  std::optional<Bytes> route_key(const Packet&, const Context&, std::uint32_t) override {
    return std::nullopt;
  }
  std::optional<Bytes> socket_key(const Packet&, const Context&, const Socket&) override {
    return std::nullopt;
  }
};

Packet packet_of(TableFamily family) {
  const bool ipv4 = family != TableFamily::ip6;
  Packet packet;
  packet.family = ipv4 ? core::Family::ipv4 : core::Family::ipv6;
  packet.source = *core::Address::parse(ipv4 ? "198.51.100.7" : "2001:db8::7");
  packet.destination = *core::Address::parse(ipv4 ? "10.64.0.11" : "fd00:64::11");
  packet.protocol = tcp;
  packet.tcp_flags = syn;
  packet.source_port = 40000;
  packet.destination_port = 80;
  packet.mss = 1460;
  packet.payload = {1, 2, 3};
  return packet;
}

std::string run(const std::vector<Expression>& expressions, TableFamily family) {
  HeldRuleset ruleset;
  BaseChain chain;
  chain.id = {family, "t", "c"};
  ruleset.add(chain);
  ruleset.add_rule(chain.id, {1, expressions, ""});
  ruleset.add_rule(chain.id, {2, {Verdict{Verdict::Code::accept, ""}}, ""});
  Packet packet = packet_of(family);
  Context context;
  context.connection = Connection{tuple_of(packet), reversed(tuple_of(packet))};
  context.state = CtState::fresh;
  Nowhere nowhere;
  Choices choices;
  const ChainResult result = run_chain(chain, packet, context, ruleset, nowhere, choices, true);
  require(result.by_policy || !result.rules.empty());
  std::string told = std::to_string(context.mark) + to_text(packet);
  for (const Evaluated& one : result.rules) told += one.note + (one.matched ? "+" : "-");
  return told;
}

// Loads and what reads them, where they say so themselves.
void check_registers(const std::vector<Expression>& expressions) {
  for (const Expression& expression : expressions) {
    if (const auto* load = std::get_if<Payload>(&expression)) {
      require(load->length > 0 && load->to + load->length <= register_bytes);
    }
    if (const auto* compare = std::get_if<Compare>(&expression)) {
      require(!compare->value.empty() && compare->at + compare->value.size() <= register_bytes);
    }
    if (const auto* bitwise = std::get_if<Bitwise>(&expression)) {
      require(bitwise->from + bitwise->length <= register_bytes);
      require(bitwise->to + bitwise->length <= register_bytes);
    }
    if (const auto* dynset = std::get_if<Dynset>(&expression)) {
      for (const Expression& inner : dynset->expressions) {
        require(!std::holds_alternative<Dynset>(inner));
      }
    }
  }
}

void check_rule(net::ByteView bytes, TableFamily family) {
  const auto expressions = net::decode_expressions(bytes, family);
  check_registers(expressions);
  require(expressions == net::decode_expressions(bytes, family));
  require(run(expressions, family) == run(expressions, family));
}

void check_xt(fuzz::Input input, TableFamily family) {
  constexpr const char* matches[] = {"comment", "conntrack", "state", "mark",     "connmark",
                                     "set",     "multiport", "tcp",   "addrtype", "statistic",
                                     "udp",     "icmp",      "icmp6", "udplite"};
  constexpr const char* targets[] = {"MARK",       "CONNMARK", "DNAT",   "SNAT",
                                     "MASQUERADE", "REDIRECT", "REJECT", "TCPMSS",
                                     "CT",         "NOTRACK",  "SET",    "LOG"};
  const std::uint32_t revision = input.byte() % 5;
  for (const char* name : matches) {
    run({net::decode_xt_match(name, revision, input.rest(), family)}, family);
  }
  for (const char* name : targets) {
    run({net::decode_xt_target(name, revision, input.rest(), family)}, family);
  }
}

void check_messages(net::ByteView bytes, TableFamily family) {
  const net::Attributes attributes(bytes);
  static_cast<void>(net::is_dormant(attributes));
  static_cast<void>(net::table_of(attributes, family));
  const net::ReadChain chain = net::read_chain(attributes, family);
  require(!chain.base || chain.base->id == chain.id);
  static_cast<void>(net::read_packet_rule(attributes, family));
  require(net::read_packet_set(attributes).field_lengths.size() <= 16);
  for (const Element& element : net::read_packet_elements(attributes, family)) {
    require(element.catch_all || !element.key.empty());
    require(element.key.size() <= register_bytes);
  }
  for (std::uint32_t type = 0; type < 12; ++type) {
    static_cast<void>(net::decode_object(type, bytes));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned kind = input.byte() % 3;
  const TableFamily family = family_of(input.byte());
  switch (kind) {
    case 0:
      check_rule(input.rest(), family);
      break;
    case 1:
      check_xt(input, family);
      break;
    default:
      check_messages(input.rest(), family);
  }
  return 0;
}
