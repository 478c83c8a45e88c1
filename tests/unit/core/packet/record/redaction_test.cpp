// Other addresses and names: prefixes stay prefixes, and a walk goes as before.
#include "core/packet/record/redaction.hpp"

#include <functional>
#include <random>

#include "core/packet/record/record.hpp"
#include "core/packet/record/redact_rules.hpp"
#include "core/packet/rules/interpret.hpp"
#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::redaction_test {

using namespace walk_rig;
using core::Address;
using core::Prefix;

namespace {

// No HMAC, but as mixed.
Redaction::Digest mixed(std::string_view text) {
  std::seed_seq seed(text.begin(), text.end());
  std::mt19937 random(seed);
  Redaction::Digest digest;
  for (auto& byte : digest) byte = static_cast<std::uint8_t>(random());
  return digest;
}

std::size_t common(const Address& one, const Address& other) {
  std::size_t bits = 0;
  while (bits < 8 * one.size() &&
         Prefix{one, static_cast<std::uint8_t>(bits + 1)}.contains(other)) {
    ++bits;
  }
  return bits;
}

Address random_address(std::mt19937& random) {
  Bytes bytes(random() % 2 == 0 ? 4 : 16);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return Address(bytes);
}

}  // namespace

TEST_CASE("redaction: two addresses share as many bits as before") {
  Redaction redaction(mixed);
  std::mt19937 random(1);
  std::size_t changed = 0;
  for (int i = 0; i < 2000; ++i) {
    const Address one = random_address(random);
    Bytes near(one.bytes().begin(), one.bytes().end());
    std::uint8_t& byte = near[random() % near.size()];
    byte = static_cast<std::uint8_t>(byte ^ random());
    const Address other(near);
    REQUIRE(common(one, other) == common(redaction.address(one), redaction.address(other)));
    changed += static_cast<std::size_t>(redaction.address(one) != one);
  }
  CHECK(changed > 1500);
}

TEST_CASE("redaction: what means something of its own stays, private stays private") {
  Redaction redaction(mixed);
  for (const char* const kept : {"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.251",
                                 "255.255.255.255", "::", "::1", "ff02::1"}) {
    CHECK(to_string(redaction.address(address(kept))) == kept);
  }
  CHECK(Prefix::parse("10.0.0.0/8")->contains(redaction.address(address("10.1.2.3"))));
  CHECK(redaction.address(address("10.1.2.3")) != address("10.1.2.3"));
  CHECK(Prefix::parse("192.168.0.0/16")->contains(redaction.address(address("192.168.3.4"))));
  CHECK(Prefix::parse("fe80::/64")->contains(redaction.address(address("fe80::1:2"))));
  CHECK(to_string(redaction.prefix(*Prefix::parse("0.0.0.0/0"))) == "0.0.0.0/0");
  CHECK(to_string(redaction.prefix(*Prefix::parse("10.0.0.0/8"))) == "10.0.0.0/8");
}

TEST_CASE("redaction: names are others, their beginnings those of the others") {
  Redaction redaction(mixed);
  const auto name = [&](const char* text) { return redaction.name(Meaning::interface, text); };
  CHECK(name("eth0") == "eth0");
  CHECK(name("lo") == "lo");
  CHECK(name("payroll0") != "payroll0");
  CHECK(name("cali12ab34").substr(0, 4) == "cali");
  CHECK(name("cali12ab34") != "cali12ab34");
  CHECK(name("cali12ab34").substr(0, 6) == name("cali12ffff").substr(0, 6));
  CHECK(redaction.name(Meaning::nft, "FORWARD") == "FORWARD");
  CHECK(redaction.name(Meaning::nft, "KUBE-SVC-ERIFXISQEP7F7OF4") == "name-1");
  CHECK(redaction.name(Meaning::nft, "payroll") == "name-2");
  CHECK(redaction.name(Meaning::pod, "web") == "pod-1");
  CHECK(redaction.name(Meaning::pod, "web") == "pod-1");
  CHECK(redaction.name(Meaning::place, "pod shop/web") == "pod space-1/pod-1");
  CHECK(redaction.name(Meaning::command, "ip netns exec blue ") == "ip netns exec netns-1 ");
  const std::string route = redaction.route_text("10.1.0.0/16 via 10.2.3.4 dev payroll0 secret");
  CHECK(route.find("payroll") == std::string::npos);
  CHECK(route.find("10.2.3.4") == std::string::npos);
  CHECK(route.ends_with(" ?"));
  CHECK(route.starts_with(to_string(redaction.prefix(*Prefix::parse("10.1.0.0/16"))) + " via "));
}

namespace {

// Whether a packet to the router is dropped there, before and after.
void check_same(const std::function<void(FakeHost&, const ChainId&)>& rules, const char* source,
                bool drops) {
  INFO(source);
  FakeHost host(0);
  host.ip("link add payroll0 type dummy");
  const ChainId id = chain(host, Hook::input, 0, Type::filter, false, "secret");
  rules(host, id);
  Redaction redaction(mixed);
  HeldRuleset typed;
  REQUIRE(redact_rules(host.rules, typed, redaction) == 0);
  HeldNetwork other;
  copy_lines(host, typed, redaction, other);
  const auto dropped = [](HeldNetwork& network, Packet packet) {
    Choices choices;
    Context context;
    context.hook = Hook::input;
    context.in = network.interfaces[1].device;
    return run_chain(network.rules.base_chains().front(), packet, context, network.rules, network,
                     choices, false)
               .verdict == ChainResult::Verdict::drop;
  };
  Packet packet = tcp_packet(source, "192.0.2.2");
  CHECK(dropped(host, packet) == drops);
  packet.source = redaction.address(packet.source);
  packet.destination = redaction.address(packet.destination);
  CHECK(dropped(other, packet) == drops);
  CHECK(other.interfaces[1].device.name != "payroll0");
}

}  // namespace

TEST_CASE("redaction: rules and sets let the same through") {
  const Payload source{Payload::Base::network, 12, 4, 0};
  const auto match = [&](std::vector<Expression> more) {
    return [=](FakeHost& host, const ChainId& id) {
      std::vector<Expression> all = {Meta{meta_nfproto, 0}, packet_rig::equals({2}), source};
      all.insert(all.end(), more.begin(), more.end());
      all.emplace_back(packet_rig::drop());
      rule(host, id, all);
    };
  };
  const auto one = match({packet_rig::equals(address_bytes("10.0.0.2"))});
  check_same(one, "10.0.0.2", true);
  check_same(one, "10.0.0.3", false);
  const auto subnet = match({Bitwise{{}, 0, 0, 4, address_bytes("255.240.0.0"), Bytes(4), 0, {}},
                             packet_rig::equals(address_bytes("172.16.0.0"))});
  check_same(subnet, "172.31.2.3", true);
  check_same(subnet, "172.32.2.3", false);
  // A range that is no prefix, in a set of open intervals and in one of ranges.
  for (const bool open : {true, false}) {
    const auto in_set = [=](FakeHost& host, const ChainId& id) {
      const ChainId set{id.family, id.table, "payroll"};
      host.rules.add_set(set, {set_interval, 7, 4, 0, 0, {}, 0});
      if (open) {
        host.rules.add_element(set, packet_rig::element(address_bytes("10.0.0.7")));
        host.rules.add_element(set, packet_rig::ends_before(address_bytes("10.0.0.20")));
      } else {
        host.rules.add_element(
            set, packet_rig::between(address_bytes("10.0.0.7"), address_bytes("10.0.0.19")));
      }
      match({Lookup{"payroll", 0, {}, false, false}})(host, id);
    };
    for (const auto& [who, drops] : {std::pair("10.0.0.6", false),
                                     {"10.0.0.7", true},
                                     {"10.0.0.16", true},
                                     {"10.0.0.19", true},
                                     {"10.0.0.20", false}}) {
      check_same(in_set, who, drops);
    }
  }
  const auto name = [](FakeHost& host, const ChainId& id) {
    Bytes wildcard = {'p', 'a', 'y', 'r'};
    rule(host, id, {Meta{meta_iifname, 0}, packet_rig::equals(wildcard), packet_rig::drop()});
  };
  check_same(name, "10.0.0.1", true);
}

TEST_CASE("redaction: what may be an address and is not understood is left out") {
  FakeHost host(0);
  const ChainId id = chain(host, Hook::input, 0);
  // From within a tunnel's header, whatever that is.
  rule(host, id,
       {Payload{Payload::Base::inner, 4, 4, 0}, packet_rig::equals(address_bytes("10.0.0.2")),
        packet_rig::drop()});
  Redaction redaction(mixed);
  HeldRuleset other;
  CHECK(redact_rules(host.rules, other, redaction) == 1);
  const auto& expressions = other.rules(id)->front().expressions;
  CHECK(std::holds_alternative<Unknown>(expressions[1]));
}

}  // namespace unit::redaction_test
