// What rules do: translations, rejects, rewritten packets.
#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret.hpp"
#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_interpret_effect_test {

using namespace packet_rig;
using Result = ChainResult::Verdict;

namespace {

Nat dnat(std::uint32_t flags = 0) {
  Nat nat;
  nat.destination = true;
  nat.address_min = 0;
  nat.port_min = 16;
  nat.flags = flags;
  return nat;
}
Exthdr mss_of() {
  Exthdr exthdr;
  exthdr.op = exthdr_tcp_option;
  exthdr.type = 2;
  exthdr.offset = 2;
  exthdr.length = 2;
  return exthdr;
}

}  // namespace

TEST_CASE("translations are told, and accept") {
  Rig rig;
  const ChainResult result =
      rig.alone({Immediate{0, address_bytes("10.244.0.5")}, Immediate{16, be16(8443)}, dnat()});
  CHECK(result.verdict == Result::accept);
  REQUIRE(result.nat);
  CHECK(result.nat->destination);
  CHECK(result.nat->address_min == address("10.244.0.5"));
  CHECK(result.nat->address_max == address("10.244.0.5"));
  CHECK(result.nat->port_min == 8443);
  CHECK(result.nat->port_max == 8443);
  CHECK(result.rules.at(0).note == "dnat to 10.244.0.5:8443");
  CHECK(result.rules.at(0).verdict == accept());
  CHECK(rig.packet == tcp_syn());
}

TEST_CASE("a prefix is mapped to another one") {
  Rig rig;
  Nat nat;
  nat.address_min = 0;
  nat.address_max = 16;
  nat.flags = nat_netmap;
  const ChainResult result = rig.alone({Immediate{0, address_bytes("172.16.0.0")},
                                        Immediate{16, address_bytes("172.16.0.255")}, nat});
  CHECK(result.nat.value().address_min == address("172.16.0.1"));
  CHECK(result.rules.at(0).note == "snat to 172.16.0.1");
}

TEST_CASE("a translation of the other family is passed over") {
  Rig rig;
  rig.packet = tcp_syn6();
  const ChainResult result =
      rig.alone({Immediate{0, address_bytes("10.244.0.5")}, Immediate{16, be16(1)}, dnat()});
  CHECK(!result.nat);
  CHECK(result.by_policy);
}

TEST_CASE("addresses that are not known are said") {
  Rig rig;
  const ChainResult result = rig.alone({Meta{meta_cpu, 0}, Immediate{16, be16(1)}, dnat()});
  REQUIRE(result.nat);
  CHECK(!result.nat->address_min);
  CHECK(rig.assumed() == "meta cpu is not known: the address is assumed to stay");
}

TEST_CASE("masquerade and redirect name no address") {
  Rig rig;
  const ChainResult masquerade = rig.alone({Masquerade{{}, {}, nat_proto_random_fully}});
  CHECK(masquerade.nat.value().masquerade);
  CHECK(masquerade.nat->flags == nat_proto_random_fully);
  CHECK(masquerade.rules.at(0).note == "masquerade");
  const ChainResult redirect = rig.alone({Immediate{0, be16(53)}, Redirect{0, {}, 0}});
  CHECK(redirect.nat.value().redirect);
  CHECK(redirect.nat->destination);
  CHECK(redirect.nat->port_min == 53);
  CHECK(redirect.rules.at(0).note == "redirect to :53");
}

TEST_CASE("a proxy is assumed not to listen") {
  Rig rig;
  CHECK(!rig.matches({Immediate{0, be16(15001)}, Tproxy{nfproto_ipv4, {}, 0}}));
  CHECK(rig.assumed() == "tproxy to :15001: assumed that nobody listens there");
  CHECK(!rig.matches({Tproxy{nfproto_ipv6, {}, {}}}));
  CHECK(rig.decided());
}

TEST_CASE("rejects answer as the family has it") {
  Rig rig;
  const auto code = [&](std::uint32_t type, std::uint8_t of) {
    const ChainResult result = rig.alone({Reject{type, of}});
    CHECK(result.verdict == Result::drop);
    return std::pair<int, int>(result.reject.value().icmp_type, result.reject->icmp_code);
  };
  CHECK(code(reject_icmp, 3) == std::pair(3, 3));
  CHECK(code(reject_icmpx, 0) == std::pair(3, 0));
  CHECK(code(reject_icmpx, 1) == std::pair(3, 3));
  CHECK(code(reject_icmpx, 2) == std::pair(3, 1));
  CHECK(code(reject_icmpx, 3) == std::pair(3, 13));
  CHECK(rig.alone({Reject{reject_tcp_reset, 0}}).reject.value().tcp_reset);
  rig.packet = tcp_syn6();
  CHECK(code(reject_icmpx, 1) == std::pair(1, 4));
  CHECK(code(reject_icmpx, 3) == std::pair(1, 1));
  rig.packet.protocol = core::packet::udp;
  const ChainResult unanswered = rig.alone({Reject{reject_tcp_reset, 0}});
  CHECK(unanswered.verdict == Result::drop);
  CHECK(!unanswered.reject);
}

TEST_CASE("errors and fragments are not answered") {
  Rig rig;
  rig.packet.protocol = core::packet::icmp;
  rig.packet.icmp_type = 3;
  CHECK(!rig.alone({Reject{reject_icmp, 3}}).reject);
  rig.packet.icmp_type = 8;
  CHECK(rig.alone({Reject{reject_icmp, 3}}).reject);
  rig.packet.fragment_offset = 1;
  CHECK(!rig.alone({Reject{reject_icmp, 3}}).reject);
}

TEST_CASE("the MSS is read, and only made smaller") {
  Rig rig;
  CHECK(rig.matches({mss_of(), equals(be16(1460))}));
  Exthdr present = mss_of();
  present.presence = true;
  CHECK(rig.matches({present, equals({1})}));
  Exthdr write = mss_of();
  write.from = 0;
  const ChainResult result = rig.alone({Immediate{0, be16(1360)}, write});
  CHECK(rig.packet.mss == 1360);
  CHECK(result.rewritten);
  CHECK(result.rules.at(0).note == "MSS 1360");
  CHECK(!rig.alone({Immediate{0, be16(1400)}, write}).rewritten);
  rig.packet.mss = 0;
  CHECK(!rig.matches({mss_of()}));
  CHECK(rig.matches({present, equals({0})}));
  rig.packet.protocol = core::packet::udp;
  CHECK(!rig.matches({Immediate{0, be16(1400)}, write}));
  CHECK(rig.decided());
}

TEST_CASE("extension headers and options are found") {
  Rig rig;
  Exthdr alert;
  alert.op = exthdr_ipv4;
  alert.type = 148;
  alert.presence = true;
  CHECK(rig.matches({alert, equals({0})}));
  rig.packet.options = {1, 148, 4, 0, 0, 0, 0, 0};
  CHECK(rig.matches({alert, equals({1})}));
  rig.packet = tcp_syn6();
  Exthdr fragment;
  fragment.op = exthdr_ipv6;
  fragment.type = 44;
  fragment.presence = true;
  CHECK(rig.matches({fragment, equals({0})}));
  rig.packet.options = {44, 0, 0, 0, 1, 2, 3, 4};
  CHECK(rig.matches({fragment, equals({1})}));
  fragment.presence = false;
  fragment.offset = 4;
  fragment.length = 4;
  CHECK(rig.matches({fragment, equals({1, 2, 3, 4})}));
  CHECK(rig.decided());
  Exthdr chunk;
  chunk.op = exthdr_sctp;
  chunk.length = 4;
  CHECK(!rig.matches({chunk, equals({1})}));
  CHECK(rig.assumed() == "an SCTP chunk is not known: assumed not to fit");
}

TEST_CASE("packets are rewritten") {
  Rig rig;
  const ChainResult result =
      rig.alone({Immediate{0, be16(8080)}, PayloadWrite{Payload::Base::transport, 2, 2, 0},
                 Payload{Payload::Base::transport, 2, 2, 4}, equals(be16(8080), 4)});
  CHECK(result.rules.at(0).matched);
  CHECK(result.rewritten);
  Packet wanted = tcp_syn();
  wanted.destination_port = 8080;
  CHECK(rig.packet == wanted);
  rig.alone({Immediate{0, {0xb8}}, PayloadWrite{Payload::Base::network, 1, 1, 0}});
  CHECK(rig.packet.tos == 0xb8);
  // What would be no packet any more is left alone.
  rig.alone({Immediate{0, {0x15}}, PayloadWrite{Payload::Base::network, 0, 1, 0}});
  CHECK(rig.assumed() == "what is written makes no packet: assumed to stay as it is");
  CHECK(!rig.matches({Immediate{0, {1}}, PayloadWrite{Payload::Base::network, 4000, 1, 0}}));
}

}  // namespace unit::packet_interpret_effect_test
