// Values, verdicts, and what iptables has.
#include <memory>

#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/rule_text.hpp"
#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_value_text_test {

using namespace packet_rig;

namespace {

constexpr std::uint32_t ipv4 = 7, ipv6 = 8, protocol = 12, service = 13, mark = 19, state = 26,
                        name = 41;

std::string text(std::vector<Expression> expressions, const std::string& comment = "") {
  HeldRuleset ruleset;
  return to_text(Rule{0, std::move(expressions), comment}, {TableFamily::ip, "t", "c"}, ruleset);
}
template <typename What>
std::string match(What what, const std::string& of = "m") {
  return text({XtMatch{of, 0, std::move(what)}});
}
template <typename What>
std::string target(What what, const std::string& of = "T") {
  return text({XtTarget{of, 0, std::move(what)}});
}

}  // namespace

TEST_CASE("values have the words of their types") {
  CHECK(value_text(address_bytes("203.0.113.10"), ipv4) == "203.0.113.10");
  CHECK(value_text(address_bytes("2001:db8::1"), ipv6) == "2001:db8::1");
  CHECK(value_text(be16(443), service) == "443");
  CHECK(value_text(Bytes{6}, protocol) == "tcp");
  CHECK(value_text(host32(0x4000), mark) == "0x00004000");
  CHECK(value_text(host32(6), state) == "established,related");
  CHECK(value_text(name_bytes("eth0"), name) == "\"eth0\"");
  CHECK(value_text(Bytes{'v', 'e', 't', 'h'}, name) == "\"veth*\"");
  CHECK(value_text(Bytes{0xde, 0xad}, 0) == "0xdead");
  CHECK(value_text(Bytes{1, 2}, ipv4) == "0x0102");  // too short to be one
  CHECK(value_text(Bytes{}, ipv4) == "0x");
}

TEST_CASE("concatenations are said field by field") {
  Bytes key = address_bytes("203.0.113.10");
  key.insert(key.end(), {6, 0, 0, 0, 1, 187, 0, 0});
  CHECK(value_text(key, (ipv4 << 6 | protocol) << 6 | service) == "203.0.113.10 . tcp . 443");
  key.resize(9);
  CHECK(value_text(key, (ipv4 << 6 | protocol) << 6 | service) == "0xcb00710a0600000001");
}

TEST_CASE("verdicts have words") {
  CHECK(to_text(accept()) == "accept");
  CHECK(to_text(back()) == "return");
  CHECK(to_text(jump("web")) == "jump web");
  CHECK(to_text(go_to("web")) == "goto web");
  CHECK(to_text(Verdict{Verdict::Code::queue, ""}) == "queue");
}

TEST_CASE("what has no words is named") {
  CHECK(text({Unknown{"synproxy", true}, drop()}, "why") == "[synproxy] drop comment \"why\"");
  CHECK(text({equals({1}, 8)}) == "[cmp]");
  CHECK(text({Lookup{"gone", 0, std::nullopt, false, false}}) == "[?] @gone");
  Hash hash;
  hash.length = 4000000000;
  CHECK(text({hash}) == "");
  CHECK(text({Exthdr{0, 44, 0, 1, false, std::nullopt, 4000}, Meta{meta_prandom, 4000}}) == "");
  // Nested where nothing is to be read.
  Dynset dynset;
  dynset.set = "s";
  dynset.expressions = {Payload{Payload::Base::transport, 2, 2, 0}, equals(be16(80))};
  CHECK(text({dynset}) == "add @s { [?] th dport 80 }");
}

TEST_CASE("matches have the words of iptables") {
  CHECK(match(std::monostate{}, "recent") == "-m recent");
  CHECK(match(XtComment{"a rule"}) == "-m comment --comment \"a rule\"");
  CHECK(match(XtMark{0x4000, 0x4000, true, false}) == "-m mark ! --mark 0x4000/0x4000");
  CHECK(match(XtMark{1, 0xffffffff, false, true}) == "-m connmark --mark 0x1");
  XtStatistic statistic;
  statistic.random = true;
  statistic.probability = 0x40000000;
  CHECK(match(statistic) == "-m statistic --mode random --probability 0.5");
  statistic.random = false;
  statistic.every = 2;
  CHECK(match(statistic) == "-m statistic --mode nth --every 3");
  CHECK(match(XtMultiport{XtMultiport::Of::destination, {{80, 80}, {1000, 2000}}, false}) ==
        "-m multiport --dports 80,1000:2000");
  XtConntrack conntrack;
  conntrack.flags = xt_ct_state | xt_ct_orig_dst | xt_ct_direction;
  conntrack.states = 2 | 4;
  conntrack.original_destination = {address("10.0.0.0"), address("255.0.0.0"), {}};
  conntrack.inverted = xt_ct_orig_dst;
  CHECK(match(conntrack) ==
        "-m conntrack --ctstate RELATED,ESTABLISHED ! --ctorigdst 10.0.0.0/8 --ctdir ORIGINAL");
  XtAddrtype type;
  type.destination = 1 << 2;
  CHECK(match(type) == "-m addrtype --dst-type LOCAL");
  XtPorts ports;
  ports.protocol = 6;
  ports.destination = {443, 443};
  ports.flags_mask = syn | rst;
  ports.flags = syn;
  CHECK(match(ports) == "-m tcp --dport 443 --tcp-flags SYN,RST SYN");
  CHECK(match(XtIcmp{8, 0, 255, false}, "icmp") == "-m icmp --icmp-type 8");
  CHECK(match(XtIcmp{1, 4, 4, false}, "icmp6") == "-m icmp6 --icmpv6-type 1/4");
  CHECK(match(XtSet{3, false}) == "-m set --match-set (number 3)");
}

TEST_CASE("targets have the words of iptables") {
  CHECK(target(std::monostate{}, "TEE") == "-j TEE");
  CHECK(target(XtPasses{}, "LOG") == "-j LOG");
  CHECK(target(XtSetMark{0x4000, 0x4000, false}) == "-j MARK --set-xmark 0x4000/0x4000");
  CHECK(target(XtCopyMark{true, 0xffffffff, 0xffffffff}) == "-j CONNMARK --save-mark");
  CHECK(target(XtCopyMark{false, 0xff, 0xff00}) ==
        "-j CONNMARK --restore-mark --nfmask 0xff00 --ctmask 0xff");
  XtNat nat;
  nat.flags = nat_map_ips | nat_proto_specified;
  nat.address_min = nat.address_max = address("10.244.0.5");
  nat.port_min = nat.port_max = 8443;
  CHECK(target(nat, "DNAT") == "-j DNAT --to-destination 10.244.0.5:8443");
  nat.address_min = nat.address_max = address("2001:db8::5");
  CHECK(target(nat, "DNAT") == "-j DNAT --to-destination [2001:db8::5]:8443");
  nat.kind = XtNat::Kind::masquerade;
  nat.flags = nat_proto_random_fully;
  CHECK(target(nat, "MASQUERADE") == "-j MASQUERADE --random-fully");
  CHECK(target(XtReject{3, false}, "REJECT") == "-j REJECT --reject-with icmp-port-unreachable");
  CHECK(to_text(Rule{0, {XtTarget{"REJECT", 0, XtReject{4, false}}}, ""},
                {TableFamily::ip6, "t", "c"}, *std::make_unique<HeldRuleset>()) ==
        "-j REJECT --reject-with icmp6-port-unreachable");
  CHECK(target(XtReject{0, true}, "REJECT") == "-j REJECT --reject-with tcp-reset");
  CHECK(target(XtTcpMss{0xffff}) == "-j TCPMSS --clamp-mss-to-pmtu");
  CHECK(target(XtUntrack{}) == "-j CT --notrack");
}

}  // namespace unit::packet_value_text_test
