#include "net/packet/decode_xt.hpp"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <cstring>

#include "support/catch.hpp"
#include "unit/net/packet/recorded_rules.hpp"

namespace unit::decode_xt_test {

using namespace core::packet;
using recorded_rules::expressions_of;

core::Address address(const char* text) { return *core::Address::parse(text); }

// The match or target of a recorded rule, wherever in it.
template <typename What, typename Of>
What only(const std::string& rule) {
  for (const Expression& expression : expressions_of(rule)) {
    const auto* one = std::get_if<Of>(&expression);
    if (one == nullptr) continue;
    if (const auto* what = std::get_if<What>(&one->what)) return *what;
  }
  FAIL("there is none in " << rule);
  return {};
}
template <typename What>
What match(const std::string& rule) {
  return only<What, XtMatch>("iptables " + rule);
}
template <typename What>
What target(const std::string& rule) {
  return only<What, XtTarget>("iptables " + rule);
}

// As the kernel pads it.
template <typename Info>
std::vector<std::uint8_t> blob(const Info& info) {
  std::vector<std::uint8_t> bytes((sizeof info + 7) / 8 * 8);
  std::memcpy(bytes.data(), &info, sizeof info);
  return bytes;
}

TEST_CASE("what is not known of x_tables is said by its name") {
  const auto rule = expressions_of("iptables ip: -m recent --set");
  CHECK(rule.front() == Expression(XtMatch{"recent", 1, {}}));
  const auto zone = expressions_of("iptables ip raw: -j CT --zone 3");
  CHECK(std::holds_alternative<std::monostate>(std::get<XtTarget>(zone.back()).what));
}

TEST_CASE("other sizes and revisions of x_tables are unknown") {
  const std::vector<std::uint8_t> bytes(64);
  for (const char* name : {"mark", "conntrack", "comment", "tcp", "multiport", "statistic"}) {
    CHECK(net::decode_xt_match(name, 1, net::ByteView(bytes).first(7), TableFamily::ip) ==
          XtMatch{name, 1, {}});
    CHECK(net::decode_xt_match(name, 9, bytes, TableFamily::ip) == XtMatch{name, 9, {}});
  }
  CHECK(net::decode_xt_target("DNAT", 2, bytes, TableFamily::ip) == XtTarget{"DNAT", 2, {}});
  CHECK(net::decode_xt_target("MASQUERADE", 1, net::ByteView(bytes).first(24), TableFamily::ip) ==
        XtTarget{"MASQUERADE", 1, {}});
}

TEST_CASE("matches on ports and on ICMP") {
  CHECK(match<XtPorts>("ip: -p tcp -m tcp --sport 1000:2000 ! --dport 22 --tcp-flags SYN,ACK SYN ! "
                       "--tcp-option 3") ==
        XtPorts{tcp, {1000, 2000}, {22, 22}, false, true, syn | ack, syn, false, 3, true});
  // iptables-nft writes this one as expressions of nf_tables.
  const xt_udp udp_info{{0, 65535}, {53, 54}, XT_UDP_INV_DSTPT};
  CHECK(net::decode_xt_match("udp", 0, blob(udp_info), TableFamily::ip) ==
        XtMatch{"udp", 0, XtPorts{udp, {0, 65535}, {53, 54}, false, true, 0, 0, false, 0, false}});
  CHECK(match<XtIcmp>("ip: -p icmp -m icmp --icmp-type 8") == XtIcmp{8, 0, 255, false});
  CHECK(match<XtIcmp>("ip: -p icmp -m icmp ! --icmp-type 3/1") == XtIcmp{3, 1, 1, true});
  CHECK(match<XtMultiport>("ip: -p tcp -m multiport --dports 80,443,8000:8100") ==
        XtMultiport{XtMultiport::Of::destination, {{80, 80}, {443, 443}, {8000, 8100}}, false});
  CHECK(match<XtMultiport>("ip: -p udp -m multiport ! --ports 53") ==
        XtMultiport{XtMultiport::Of::either, {{53, 53}}, true});
}

TEST_CASE("matches on connections") {
  const auto state = match<XtConntrack>("ip: -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
  CHECK(state.flags == XT_CONNTRACK_STATE);
  CHECK(state.states ==
        (XT_CONNTRACK_STATE_BIT(IP_CT_RELATED) | XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED)));
  const auto ports = match<XtConntrack>(
      "ip: -m conntrack ! --ctstate INVALID --ctorigdst 192.0.2.0/24 --ctorigdstport 80:90 --ctdir "
      "ORIGINAL");
  CHECK((ports.inverted & XT_CONNTRACK_STATE) != 0);
  CHECK(ports.original_destination.address == address("192.0.2.0"));
  CHECK(ports.original_destination.mask == address("255.255.255.0"));
  CHECK(ports.original_destination.ports == core::PortRange{80, 90});
  const auto reply = match<XtConntrack>(
      "ip6: -m conntrack --ctreplsrc 2001:db8::1 --ctproto 6 --ctstatus ASSURED");
  CHECK(reply.reply_source.address == address("2001:db8::1"));
  CHECK(reply.protocol == tcp);
  CHECK(reply.status == IPS_ASSURED);
  CHECK(match<XtConntrack>("ip: -m state --state NEW,UNTRACKED").states ==
        (XT_CONNTRACK_STATE_BIT(IP_CT_NEW) | XT_CONNTRACK_STATE_UNTRACKED));
}

TEST_CASE("matches on marks, kinds of addresses, chance, and comments") {
  // This one as well.
  CHECK(
      net::decode_xt_match("mark", 1, blob(xt_mark_mtinfo1{0x4000, 0xc000, 1}), TableFamily::ip) ==
      XtMatch{"mark", 1, XtMark{0x4000, 0xc000, true, false}});
  CHECK(match<XtMark>("ip: -m connmark ! --mark 0x1/0xff") == XtMark{1, 0xff, true, true});
  CHECK(match<XtComment>("ip: -m comment --comment \"ns/svc:http cluster IP\"").text ==
        "ns/svc:http cluster IP");
  CHECK(match<XtAddrtype>("ip: -m addrtype --dst-type LOCAL") ==
        XtAddrtype{0, 1 << 2, false, false, false, false});
  CHECK(match<XtAddrtype>("ip: -m addrtype ! --src-type LOCAL,BROADCAST --limit-iface-in") ==
        XtAddrtype{1 << 2 | 1 << 3, 0, true, false, true, false});
  CHECK(match<XtStatistic>("ip: -m statistic --mode random --probability 0.5") ==
        XtStatistic{true, 1U << 30, 0, false});
  CHECK(match<XtStatistic>("ip: -m statistic --mode nth ! --every 3 --packet 1") ==
        XtStatistic{false, 0, 2, true});
}

TEST_CASE("targets that mark") {
  CHECK(target<XtSetMark>("ip: -j MARK --set-xmark 0x4000/0x4000") ==
        XtSetMark{0x4000, 0x4000, false});
  CHECK(target<XtSetMark>("ip: -j CONNMARK --set-xmark 0x1/0xff") == XtSetMark{1, 0xff, true});
  CHECK(target<XtCopyMark>("ip: -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff00") ==
        XtCopyMark{true, 0xff00, 0xff});
  CHECK(target<XtCopyMark>("ip: -j CONNMARK --restore-mark") ==
        XtCopyMark{false, 0xffffffff, 0xffffffff});
}

TEST_CASE("targets that translate") {
  const auto one = target<XtNat>("ip nat: -p tcp -j DNAT --to-destination 10.0.0.1:8080");
  CHECK(one.kind == XtNat::Kind::destination);
  CHECK(one.flags == (NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED));
  CHECK(one.address_min == address("10.0.0.1"));
  CHECK(one.address_max == address("10.0.0.1"));
  CHECK(one.port_min == 8080);
  CHECK(one.port_max == 8080);
  const auto six = target<XtNat>("ip6 nat: -p tcp -j DNAT --to-destination [2001:db8::1]:8080");
  CHECK(six.address_min == address("2001:db8::1"));
  const auto redirect = target<XtNat>("ip nat: -p tcp -j REDIRECT --to-ports 8080");
  CHECK(redirect.kind == XtNat::Kind::redirect);
  CHECK(redirect.port_min == 8080);
  CHECK(target<XtNat>("ip6 nat: -p tcp -j REDIRECT --to-ports 8080").port_min == 8080);
  CHECK(target<XtNat>("ip post: -j SNAT --to-source 192.0.2.1").address_max ==
        address("192.0.2.1"));
  const auto masquerade =
      target<XtNat>("ip post: -p tcp -j MASQUERADE --to-ports 1024-2048 --random-fully");
  CHECK(masquerade.kind == XtNat::Kind::masquerade);
  CHECK(masquerade.port_min == 1024);
  CHECK(masquerade.port_max == 2048);
  CHECK((masquerade.flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY) != 0);
  CHECK(target<XtNat>("ip6 post: -j MASQUERADE").flags == 0);
}

TEST_CASE("targets that refuse, clamp, or only look") {
  CHECK(target<XtReject>("ip: -j REJECT --reject-with icmp-port-unreachable") ==
        XtReject{3, false});
  CHECK(target<XtReject>("ip: -p tcp -j REJECT --reject-with tcp-reset").tcp_reset);
  CHECK(target<XtReject>("ip6: -p tcp -j REJECT --reject-with tcp-reset").tcp_reset);
  CHECK(target<XtTcpMss>("ip: -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu").mss ==
        0xffff);
  CHECK(target<XtTcpMss>("ip: -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400").mss ==
        1400);
  target<XtUntrack>("ip raw: -j CT --notrack");
  target<XtPasses>("ip: -j LOG --log-prefix \"x\"");
}

}  // namespace unit::decode_xt_test
