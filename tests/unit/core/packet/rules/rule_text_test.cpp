// The words are those of nft 1.0.6 for what it had compiled to these expressions (nft
// --debug=netlink).
#include "core/packet/rules/rule_text.hpp"

#include "core/packet/kernel_numbers.hpp"
#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_rule_text_test {

using namespace packet_rig;

namespace {

using Op = Compare::Op;
using Base = Payload::Base;

Element leading(Bytes key, std::optional<Verdict> verdict) {
  Element one = packet_rig::element(std::move(key));
  one.verdict = std::move(verdict);
  return one;
}
Dynset dyn(const char* set, Dynset::Op op, Register key, std::uint64_t timeout,
           std::vector<Expression> expressions) {
  Dynset one;
  one.set = set;
  one.op = op;
  one.key = key;
  one.timeout = timeout;
  one.expressions = std::move(expressions);
  return one;
}

// A table with sets as nft makes them.
void put_sets(Rig& rig) {
  constexpr std::uint32_t ipv4 = 7, service = 13, number = 4, protocol = 12;
  rig.set("s", {set_interval, ipv4, 4, 0, 0, {}}, {});
  rig.set("m", {set_map, service, 2, ipv4 << 6 | service, 8, {}}, {});
  rig.set("lim", {0x30, ipv4, 4, 0, 0, {}}, {});
  rig.set("__set0", {7, service, 2, 0, 0, {}},
          {ends_before({0, 0}), element(be16(80)), ends_before(be16(81)), element(be16(443)),
           ends_before(be16(444)), element(be16(1000)), ends_before(be16(2001))});
  rig.set("__set1", {0x87, ipv4 << 6 | service, 8, 0, 0, {4, 2}},
          {between({1, 2, 3, 4, 0, 80, 0, 0}, {1, 2, 3, 4, 0, 80, 0, 0}),
           between({10, 0, 0, 0, 0, 90, 0, 0}, {10, 255, 255, 255, 0, 100, 0, 0})});
  rig.set("__map0", {11, service, 2, 0xffffff00, 0, {}},
          {leading(be16(80), accept()), leading(be16(443), jump("w"))});
  rig.set("__map1", {11, number, 4, 0xffffff00, 0, {}},
          {leading(host32(0), jump("w")), leading(host32(1), jump("w"))});
  rig.set("__set2", {3, protocol, 1, 0, 0, {}}, {element({6}), element({17})});
  rig.set("__set3", {3, service, 2, 0, 0, {}}, {element(be16(80)), element(be16(81))});
  rig.set("__map2", {11, number, 4, 0xffffff00, 0, {}}, {leading(host32(0), accept())});
  Element mapped = element(address_bytes("10.0.0.0"));
  mapped.data = {192, 168, 0, 0, 192, 168, 0, 255};
  rig.set("__map3", {15, ipv4, 4, ipv4, 8, {}},
          {ends_before({0, 0, 0, 0}), mapped, ends_before(address_bytes("10.0.1.0"))});
}

void says(std::vector<Expression> expressions, const std::string& words) {
  Rig rig;
  put_sets(rig);
  CHECK(to_text(Rule{0, std::move(expressions), ""}, rig.id("c"), rig.ruleset) == words);
}

}  // namespace

TEST_CASE("rules that match are said in the words of nft") {
  says({Ct{0, std::nullopt, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 4, {2, 0, 0, 0}, {0, 0, 0, 0}, 0, std::nullopt},
        Compare{Op::neq, 0, {0, 0, 0, 0}}},
       "ct state established");
  says({Ct{0, std::nullopt, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 4, {6, 0, 0, 0}, {0, 0, 0, 0}, 0, std::nullopt},
        Compare{Op::neq, 0, {0, 0, 0, 0}}, Verdict{Verdict::Code::accept, ""}},
       "ct state established,related accept");
  says({Ct{0, std::nullopt, 0}, Compare{Op::neq, 0, {8, 0, 0, 0}}}, "ct state != new");
  says({Ct{0, std::nullopt, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 4, {8, 0, 0, 0}, {0, 0, 0, 0}, 0, std::nullopt},
        Compare{Op::eq, 0, {0, 0, 0, 0}}},
       "ct state ! new");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 13, 1, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 1, {2}, {0}, 0, std::nullopt},
        Compare{Op::neq, 0, {0}}},
       "tcp flags syn");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 13, 1, 0},
        Compare{Op::eq, 0, {2}}},
       "tcp flags == syn");
  says(
      {Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 13, 1, 0},
       Bitwise{Bitwise::Op::mask_xor, 0, 0, 1, {6}, {0}, 0, std::nullopt}, Compare{Op::eq, 0, {2}}},
      "tcp flags syn / syn,rst");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 13, 1, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 1, {3}, {0}, 0, std::nullopt},
        Compare{Op::neq, 0, {0}}},
       "tcp flags fin,syn");
  says({Ct{2, std::nullopt, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 4, {32, 0, 0, 0}, {0, 0, 0, 0}, 0, std::nullopt},
        Compare{Op::neq, 0, {0, 0, 0, 0}}},
       "ct status dnat");
  says({Ct{3, std::nullopt, 0}, Compare{Op::eq, 0, {5, 0, 0, 0}}, Meta{3, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 4, {255, 0, 0, 0}, {0, 0, 0, 0}, 0, std::nullopt},
        Compare{Op::eq, 0, {16, 0, 0, 0}}},
       "ct mark 0x00000005 meta mark & 0x000000ff == 0x00000010");
  says({Meta{3, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 4, {0, 0, 255, 255}, {1, 0, 0, 0}, 0, std::nullopt},
        MetaSet{3, 0}},
       "meta mark set meta mark & 0xffff0001 | 0x00000001");
  says({Meta{3, 0},
        Bitwise{
            Bitwise::Op::mask_xor, 0, 0, 4, {255, 191, 255, 255}, {0, 64, 0, 0}, 0, std::nullopt},
        MetaSet{3, 0}},
       "meta mark set meta mark | 0x00004000");
  says({Meta{3, 0}, CtSet{3, 0}}, "ct mark set meta mark");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 12, 1, 0},
        Compare{Op::eq, 0, {10}}, Payload{Base::network, 16, 3, 0}, Compare{Op::eq, 0, {10, 1, 2}},
        Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 2, 2, 0},
        Lookup{"__set0", 0, std::nullopt, false, false}, Verdict{Verdict::Code::accept, ""}},
       "ip saddr 10.0.0.0/8 ip daddr 10.1.2.0/24 tcp dport { 80, 443, 1000-2000 } accept");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Meta{16, 0}, Compare{Op::eq, 0, {6}},
        Payload{Base::network, 12, 4, 0}, Payload{Base::transport, 2, 2, 4},
        Lookup{"__set1", 0, std::nullopt, false, false}, Verdict{Verdict::Code::drop, ""}},
       "ip saddr . tcp dport { 1.2.3.4 . 80, 10.0.0.0/8 . 90-100 } drop");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 12, 4, 0},
        Compare{Op::eq, 0, {10, 0, 0, 1}}, Payload{Base::network, 16, 4, 0},
        Compare{Op::eq, 0, {10, 0, 0, 2}}},
       "ip saddr 10.0.0.1 ip daddr 10.0.0.2");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 0, 4, 0},
        Compare{Op::eq, 0, {0, 1, 0, 2}}},
       "tcp sport 1 tcp dport 2");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Counter{}},
       "meta l4proto tcp counter packets 0 bytes 0");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 9, 1, 0},
        Compare{Op::eq, 0, {1}}, Payload{Base::transport, 0, 1, 0}, Compare{Op::eq, 0, {8}}},
       "ip protocol icmp icmp type echo-request");
  says({Meta{15, 0}, Compare{Op::eq, 0, {10}}, Payload{Base::network, 8, 4, 0},
        Compare{Op::eq, 0, {32, 1, 13, 184}}},
       "ip6 saddr 2001:db8::/32");
  says({Meta{15, 0}, Compare{Op::eq, 0, {10}}, Payload{Base::network, 6, 1, 0},
        Compare{Op::eq, 0, {58}}},
       "ip6 nexthdr ipv6-icmp");
  says({Meta{6, 0}, Compare{Op::eq, 0, {101, 116, 104}}, Meta{7, 0},
        Compare{Op::neq, 0, {108, 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, Meta{4, 0},
        Compare{Op::eq, 0, {1, 0, 0, 0}}},
       R"(iifname "eth*" oifname != "lo" iif "lo")");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 2, 2, 0},
        Lookup{"__map0", 0, std::nullopt, true, false}},
       "tcp dport vmap { 80 : accept, 443 : jump w }");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 12, 4, 0},
        Lookup{"s", 0, std::nullopt, false, false}, Limit{10, 1, 5, false, false}},
       "ip saddr @s limit rate 10/second");
  says({Limit{1048576, 1, 0, true, true}}, "limit rate over 1 mbytes/second");
}

TEST_CASE("rules that ask the kernel are said in the words of nft") {
  says({Limit{10, 60, 7, false, false}}, "limit rate 10/minute burst 7 packets");
  says({Meta{0, 0}, Byteorder{false, 0, 0, 4, 4}, Compare{Op::gt, 0, {0, 0, 0, 100}}},
       "meta length > 100");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 8, 1, 0},
        Compare{Op::lt, 0, {5}}},
       "ip ttl < 5");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 1, 1, 0},
        Bitwise{Bitwise::Op::mask_xor, 0, 0, 1, {252}, {0}, 0, std::nullopt},
        Compare{Op::eq, 0, {32}}},
       "ip dscp cs1");
  says({Fib{3, 2, 0}, Compare{Op::eq, 0, {2, 0, 0, 0}}}, "fib daddr type local");
  says({Fib{1, 41, 0}, Compare{Op::eq, 0, {0}}}, "fib saddr . iif oif missing");
  says({Fib{1, 41, 0}, Compare{Op::eq, 0, {1}}}, "fib saddr . iif oif exists");
  says({Meta{10, 0}, Compare{Op::eq, 0, {232, 3, 0, 0}}}, "meta skuid 1000");
  says({Meta{19, 0}, Compare{Op::eq, 0, {0}}}, "meta pkttype host");
  says({Rt{3, 0}, Byteorder{false, 0, 0, 2, 2}, Exthdr{1, 2, 2, 2, false, Register{0}, 0}},
       "tcp option maxseg size set rt mtu");
  says({Exthdr{1, 2, 2, 2, false, std::nullopt, 0}, Compare{Op::gt, 0, {3, 232}}},
       "tcp option maxseg size > 1000");
  says({Reject{2, 1}}, "reject");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Reject{1, 0}},
       "meta l4proto tcp reject with tcp reset");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Reject{0, 3}}, "reject with icmp port-unreachable");
  says({Reject{2, 3}}, "reject with icmpx admin-prohibited");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 12, 4, 0},
        dyn("lim", Dynset::Op::add, 0, 0, {Limit{5, 1, 5, false, false}})},
       "add @lim { ip saddr limit rate 5/second }");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 12, 4, 0},
        dyn("lim", Dynset::Op::update, 0, 10000, {})},
       "update @lim { ip saddr timeout 10s }");
  says({Ct{20, std::uint8_t{0}, 0}, Compare{Op::eq, 0, {1, 2, 3, 4}}},
       "ct original ip daddr 1.2.3.4");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Ct{12, std::uint8_t{0}, 0},
        Compare{Op::eq, 0, {0, 80}}},
       "meta l4proto tcp ct original proto-dst 80");
  says({Ct{1, std::nullopt, 0}, Compare{Op::eq, 0, {1}}}, "ct direction reply");
  says({Numgen{true, 3, 0, 0}, Lookup{"__map1", 0, std::nullopt, true, false}},
       "numgen random mod 3 vmap { 0 : jump w, 1 : jump w }");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Counter{}},
       "meta nfproto ipv4 counter packets 0 bytes 0");
  says({Payload{Base::transport, 2, 2, 0}, Compare{Op::eq, 0, {0, 53}}}, "th dport 53");
  says({Meta{16, 0}, Compare{Op::eq, 0, {17}}, Payload{Base::transport, 2, 2, 0},
        Compare{Op::eq, 0, {0, 53}}},
       "udp dport 53");
  says({Meta{16, 0}, Lookup{"__set2", 0, std::nullopt, false, false},
        Payload{Base::transport, 2, 2, 0}, Compare{Op::eq, 0, {0, 53}}},
       "meta l4proto { tcp, udp } th dport 53");
}

TEST_CASE("rules that do something are said in the words of nft") {
  says({Connlimit{10, true}}, "ct count over 10");
  says({Quota{1000, 0, false}}, "quota 1000 bytes");
  says({Log{"abc "}}, R"(log prefix "abc ")");
  says({Meta{31, 0}, Compare{Op::eq, 0, {3}}}, R"(meta day "Wednesday")");
  says({Meta{15, 0}, Compare{Op::eq, 0, {10}}, Exthdr{0, 44, 0, 1, true, std::nullopt, 0},
        Compare{Op::eq, 0, {1}}},
       "exthdr frag exists");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Exthdr{2, 148, 0, 1, true, std::nullopt, 0},
        Compare{Op::eq, 0, {1}}},
       "ip option ra exists");
  says({Meta{15, 0}, Compare{Op::eq, 0, {10}}, Meta{16, 0}, Compare{Op::eq, 0, {58}},
        Payload{Base::transport, 0, 1, 0}, Compare{Op::eq, 0, {135}}},
       "icmpv6 type nd-neighbor-solicit");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 2, 2, 0},
        Compare{Op::neq, 0, {0, 80}}},
       "tcp dport != 80");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 2, 2, 0},
        Lookup{"__set3", 0, std::nullopt, false, true}},
       "tcp dport != { 80, 81 }");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 12, 4, 0},
        Compare{Op::gte, 0, {1, 1, 1, 1}}, Compare{Op::lte, 0, {1, 1, 1, 5}}},
       "ip saddr 1.1.1.1-1.1.1.5");
  says({Meta{20, 0}, Compare{Op::eq, 0, {1, 0, 0, 0}}}, "meta cpu 1");
  says({Meta{24, 0}, Compare{Op::lt, 0, {0, 0, 0, 100}}}, "meta random < 100");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Meta{16, 0}, Compare{Op::eq, 0, {6}},
        Payload{Base::network, 12, 4, 16}, Payload{Base::transport, 0, 2, 20},
        Hash{false, 16, 8, 10, 0xabcdU, 0, 0}, Lookup{"__map2", 0, std::nullopt, true, false}},
       "jhash ip saddr . tcp sport mod 10 seed 0xabcd vmap { 0 : accept }");
  says({Meta{8, 0}, Compare{Op::eq, 0, {1, 0}}, Payload{Base::link, 6, 6, 0},
        Compare{Op::eq, 0, {170, 187, 204, 221, 238, 255}}},
       "ether saddr aa:bb:cc:dd:ee:ff");
  says({Rt{1, 0}, Compare{Op::eq, 0, {10, 0, 0, 1}}}, "rt ip nexthop 10.0.0.1");
  says({Notrack{}}, "notrack");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 2, 2, 0},
        Compare{Op::eq, 0, {0, 80}}, Immediate{0, {10, 0, 0, 1}}, Immediate{16, {0, 80}},
        Nat{true, Family::ipv4, Register{0}, Register{0}, Register{16}, Register{16}, 0x3}},
       "tcp dport 80 dnat ip to 10.0.0.1:80");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Payload{Base::transport, 2, 2, 0},
        Lookup{"m", 0, Register{0}, false, false},
        Nat{true, Family::ipv4, Register{0}, Register{0}, Register{4}, Register{4}, 0x3}},
       "dnat ip to tcp dport map @m");
  says({Immediate{0, {10, 0, 0, 1}}, Immediate{16, {10, 0, 0, 9}},
        Nat{true, Family::ipv4, Register{0}, Register{16}, std::nullopt, std::nullopt, 0x1}},
       "dnat ip to 10.0.0.1-10.0.0.9");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}},
        Immediate{0, {32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, Immediate{16, {0, 80}},
        Nat{true, Family::ipv6, Register{0}, Register{0}, Register{16}, Register{16}, 0x3}},
       "meta l4proto tcp dnat ip6 to [2001:db8::1]:80");
  says(
      {Meta{16, 0}, Compare{Op::eq, 0, {17}}, Payload{Base::transport, 2, 2, 0},
       Compare{Op::eq, 0, {0, 53}}, Immediate{0, {0, 53}}, Redirect{Register{0}, Register{0}, 0x2}},
      "udp dport 53 redirect to :53");
  says({Masquerade{std::nullopt, std::nullopt, 0x10}}, "masquerade fully-random");
  says({Meta{15, 0}, Compare{Op::eq, 0, {2}}, Payload{Base::network, 12, 4, 0},
        Lookup{"__map3", 0, Register{0}, false, false},
        Nat{false, Family::ipv4, Register{0}, Register{4}, std::nullopt, std::nullopt, 0x41}},
       "snat ip prefix to ip saddr map { 10.0.0.0/24 : 192.168.0.0/24 }");
  says({Immediate{0, {10, 0, 0, 1}},
        Nat{false, Family::ipv4, Register{0}, Register{0}, std::nullopt, std::nullopt, 0xd}},
       "snat ip to 10.0.0.1 random,persistent");
  says({Meta{16, 0}, Compare{Op::eq, 0, {6}}, Immediate{0, {3, 232}}, Immediate{16, {7, 208}},
        Masquerade{Register{0}, Register{16}, 0x2}},
       "meta l4proto tcp masquerade to :1000-2000");
}

}  // namespace unit::packet_rule_text_test
