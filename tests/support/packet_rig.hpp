// One chain, one packet, and what is asked of the surroundings, for tests of single expressions.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/packet/rules/interpret.hpp"

namespace unit::packet_rig {

using core::Address;
using core::Family;
using namespace core::packet;

class KnownSurroundings final : public Surroundings {
 public:
  std::optional<Bytes> fib_answer;
  std::optional<std::uint32_t> type_answer;
  std::optional<Bytes> route_answer;
  std::optional<Bytes> socket_answer;
  std::uint32_t asked_flags = 0;
  std::uint32_t asked_device = 0;

  std::optional<Bytes> fib(const Packet& /*packet*/, const Context& /*context*/,
                           const Fib& fib) override {
    asked_flags = fib.flags;
    return fib_answer;
  }
  std::optional<std::uint32_t> address_type(const Address& /*address*/,
                                            std::uint32_t device) override {
    asked_device = device;
    return type_answer;
  }
  std::optional<Bytes> route_key(const Packet& /*packet*/, const Context& /*context*/,
                                 std::uint32_t /*key*/) override {
    return route_answer;
  }
  std::optional<Bytes> socket_key(const Packet& /*packet*/, const Context& /*context*/,
                                  const Socket& /*socket*/) override {
    return socket_answer;
  }
};

inline Address address(std::string_view text) { return Address::parse(text).value(); }
inline Bytes address_bytes(std::string_view text) {
  const Address one = address(text);
  return {one.bytes().begin(), one.bytes().end()};
}
// In network order.
inline Bytes be16(std::uint16_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value & 0xff)};
}
// In host order, as rules have marks.
inline Bytes host32(std::uint32_t value) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
  return {bytes, bytes + sizeof value};
}
inline Bytes name_bytes(std::string_view name) {
  Bytes bytes(16, 0);
  std::copy(name.begin(), name.end(), bytes.begin());
  return bytes;
}

inline Element element(Bytes key) {
  Element one;
  one.key = std::move(key);
  return one;
}
// What an interval that began before this key does not hold any more.
inline Element ends_before(Bytes key) {
  Element one = element(std::move(key));
  one.interval_end = true;
  return one;
}
inline Element between(Bytes from, Bytes to) {
  Element one = element(std::move(from));
  one.key_end = std::move(to);
  return one;
}

inline Packet tcp_syn() {
  Packet packet;
  packet.family = Family::ipv4;
  packet.protocol = core::packet::tcp;
  packet.source = address("10.0.0.1");
  packet.destination = address("192.0.2.7");
  packet.source_port = 40000;
  packet.destination_port = 443;
  packet.tcp_flags = syn;
  packet.mss = 1460;
  return packet;
}
inline Packet tcp_syn6() {
  Packet packet = tcp_syn();
  packet.family = Family::ipv6;
  packet.source = address("2001:db8::1");
  packet.destination = address("2001:db8::7");
  return packet;
}

inline Verdict accept() { return {Verdict::Code::accept, ""}; }
inline Verdict drop() { return {Verdict::Code::drop, ""}; }
inline Verdict back() { return {Verdict::Code::ret, ""}; }
inline Verdict jump(std::string chain) { return {Verdict::Code::jump, std::move(chain)}; }
inline Verdict go_to(std::string chain) { return {Verdict::Code::go_to, std::move(chain)}; }
inline Compare equals(Bytes value, Register at = 0) {
  return {Compare::Op::eq, at, std::move(value)};
}

// A chain of the hook forward with the policy accept; a rule that drops tells that it matched.
struct Rig {
  HeldRuleset ruleset;
  BaseChain chain{
      {TableFamily::inet, "t", "c"}, BaseChain::Type::filter, Hook::forward, 0, false, {}};
  Packet packet = tcp_syn();
  Context context;
  KnownSurroundings surroundings;
  std::vector<Taken> taken;

  Rig() {
    context.hook = Hook::forward;
    context.in = Device{3, "eth0", "", 1, 7};
    context.out = Device{4, "veth1", "veth", 1, 0};
    ruleset.add(chain);
  }

  [[nodiscard]] ChainId id(std::string name) const {
    return {chain.id.family, chain.id.table, std::move(name)};
  }
  void rule(std::vector<Expression> expressions, const std::string& of = "c") {
    ruleset.add_rule(id(of), {0, std::move(expressions), ""});
  }
  void set(const std::string& name, Set set, std::vector<Element> elements) {
    ruleset.add_set(id(name), std::move(set));
    for (Element& element : elements) ruleset.add_element(id(name), std::move(element));
  }
  ChainResult run(std::vector<std::size_t> script = {}, bool record_all = false) {
    Choices choices(std::move(script));
    ChainResult result =
        run_chain(chain, packet, context, ruleset, surroundings, choices, record_all);
    taken = choices.taken();
    return result;
  }
  // What one rule of these does, in a chain of its own.
  ChainResult alone(std::vector<Expression> expressions, std::vector<std::size_t> script = {}) {
    HeldRuleset one;
    one.add(chain);
    one.add_rule(chain.id, {1, std::move(expressions), ""});
    Choices choices(std::move(script));
    ChainResult result = run_chain(chain, packet, context, one, surroundings, choices, true);
    taken = choices.taken();
    return result;
  }
  bool matches(std::vector<Expression> expressions, std::vector<std::size_t> script = {}) {
    return alone(std::move(expressions), std::move(script)).rules.at(0).matched;
  }
  [[nodiscard]] bool decided() const { return taken.empty(); }
  [[nodiscard]] std::string assumed() const { return taken.empty() ? "" : taken.front().fork.what; }
};

}  // namespace unit::packet_rig
