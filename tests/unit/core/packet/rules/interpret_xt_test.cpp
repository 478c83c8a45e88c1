// The matches and targets of iptables.
#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret.hpp"
#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_interpret_xt_test {

using namespace packet_rig;
using Result = ChainResult::Verdict;

namespace {

template <typename What>
XtMatch match(What what, std::string name = "m") {
  return {std::move(name), 0, std::move(what)};
}
template <typename What>
XtTarget target(What what, std::string name = "T") {
  return {std::move(name), 0, std::move(what)};
}

void track(Rig& rig, CtState state) {
  Connection connection;
  connection.original = tuple_of(rig.packet);
  connection.reply = reversed(connection.original);
  rig.context.connection = connection;
  rig.context.state = state;
}

XtConntrack states(std::uint16_t wanted, bool inverted = false) {
  XtConntrack conntrack;
  conntrack.flags = xt_ct_state;
  conntrack.inverted = inverted ? xt_ct_state : 0;
  conntrack.states = wanted;
  return conntrack;
}

XtStatistic statistic(std::uint32_t probability, bool inverted) {
  XtStatistic one;
  one.random = true;
  one.probability = probability;
  one.inverted = inverted;
  return one;
}

}  // namespace

TEST_CASE("what iptables has and this has not is named") {
  Rig rig;
  CHECK(!rig.matches({match(std::monostate{}, "recent")}));
  CHECK(rig.assumed() == "the match recent is not known: assumed not to fit");
  CHECK(rig.matches({match(std::monostate{}, "recent")}, {1}));
  CHECK(rig.matches({target(std::monostate{}, "TEE")}));
  CHECK(rig.assumed() == "the target TEE is not known: assumed to change nothing");
  CHECK(!rig.matches({match(XtSet{3, false})}));
  CHECK(rig.assumed() == "the ipset with the number 3 is not read: assumed not to contain it");
  CHECK(rig.matches({match(XtSet{3, true})}));
  CHECK(rig.matches({match(XtComment{"words"})}));
  CHECK(rig.decided());
}

TEST_CASE("marks are compared under a mask") {
  Rig rig;
  rig.context.mark = 0x4001;
  CHECK(rig.matches({match(XtMark{0x4000, 0x4000, false, false})}));
  CHECK(!rig.matches({match(XtMark{0x4000, 0x4000, true, false})}));
  CHECK(!rig.matches({match(XtMark{0, 0, false, true})}));
  CHECK(!rig.matches({match(XtMark{0, 0, true, true})}));
  track(rig, CtState::fresh);
  CHECK(rig.matches({match(XtMark{0, 0xff, false, true})}));
}

TEST_CASE("connections are matched by their state") {
  Rig rig;
  CHECK(rig.matches({match(states(1))}));
  CHECK(!rig.matches({match(states(2 | 4))}));
  CHECK(!rig.matches({match(XtConntrack{})}));  // without a connection
  track(rig, CtState::established);
  CHECK(rig.matches({match(states(2 | 4))}));
  CHECK(!rig.matches({match(states(2 | 4, true))}));
  CHECK(!rig.matches({match(states(128))}));
  rig.context.connection->status = status_destination_nat;
  CHECK(rig.matches({match(states(128))}));
  rig.context.untracked = true;
  CHECK(rig.matches({match(states(256))}));
  CHECK(!rig.matches({match(states(2))}));
}

TEST_CASE("connections are matched by what they are") {
  Rig rig;
  track(rig, CtState::established);
  XtConntrack conntrack;
  conntrack.flags = xt_ct_orig_dst | xt_ct_orig_dst_port | xt_ct_direction | xt_ct_proto;
  conntrack.original_destination = {address("192.0.2.0"), address("255.255.255.0"), {443, 444}};
  conntrack.protocol = 6;
  CHECK(rig.matches({match(conntrack)}));
  rig.context.reply = true;
  CHECK(!rig.matches({match(conntrack)}));
  conntrack.inverted = xt_ct_direction;
  CHECK(rig.matches({match(conntrack)}));
  conntrack.inverted |= xt_ct_orig_dst_port;
  CHECK(!rig.matches({match(conntrack)}));
  CHECK(rig.decided());
  XtConntrack expires;
  expires.flags = xt_ct_expires;
  CHECK(!rig.matches({match(expires)}));
  CHECK(!rig.decided());
}

TEST_CASE("ports are matched") {
  Rig rig;
  using Of = XtMultiport::Of;
  CHECK(rig.matches({match(XtMultiport{Of::destination, {{80, 80}, {440, 450}}, false})}));
  CHECK(!rig.matches({match(XtMultiport{Of::source, {{80, 80}, {440, 450}}, false})}));
  CHECK(rig.matches({match(XtMultiport{Of::either, {{443, 443}}, false})}));
  CHECK(!rig.matches({match(XtMultiport{Of::either, {{443, 443}}, true})}));
  XtPorts ports;
  ports.protocol = 6;
  ports.destination = {443, 443};
  CHECK(rig.matches({match(ports)}));
  ports.destination_inverted = true;
  CHECK(!rig.matches({match(ports)}));
  ports = XtPorts{};
  ports.protocol = 6;
  ports.flags_mask = syn | rst;
  ports.flags = syn;
  CHECK(rig.matches({match(ports)}));
  ports.flags_inverted = true;
  CHECK(!rig.matches({match(ports)}));
  ports = XtPorts{};
  ports.protocol = 6;
  ports.option = 2;
  CHECK(rig.matches({match(ports)}));
  ports.option = 8;
  CHECK(!rig.matches({match(ports)}));
  ports.protocol = 17;
  CHECK(!rig.matches({match(ports)}));
  rig.packet.fragment_offset = 4;
  ports.protocol = 6;
  ports.option = 0;
  CHECK(!rig.matches({match(ports)}));
  CHECK(!rig.matches({match(XtMultiport{Of::destination, {{443, 443}}, true})}));
}

TEST_CASE("messages of ICMP are matched") {
  Rig rig;
  CHECK(!rig.matches({match(XtIcmp{8, 0, 255, false})}));
  rig.packet.protocol = core::packet::icmp;
  rig.packet.icmp_type = 8;
  CHECK(rig.matches({match(XtIcmp{8, 0, 255, false})}));
  CHECK(!rig.matches({match(XtIcmp{8, 1, 1, false})}));
  CHECK(rig.matches({match(XtIcmp{3, 0, 255, true})}));
  CHECK(rig.matches({match(XtIcmp{})}));
}

TEST_CASE("the type of an address is asked for") {
  Rig rig;
  XtAddrtype local;
  local.destination = 1 << 2;
  CHECK(!rig.matches({match(local)}));
  CHECK(rig.assumed() == "the type of the address 192.0.2.7 is not known: assumed not to fit");
  rig.surroundings.type_answer = 2;
  CHECK(rig.matches({match(local)}));
  local.destination_inverted = true;
  CHECK(!rig.matches({match(local)}));
  local.destination_inverted = false;
  local.limit_in = true;
  rig.matches({match(local)});
  CHECK(rig.surroundings.asked_device == 3);
  rig.surroundings.type_answer = 1;
  CHECK(!rig.matches({match(local)}));
  rig.packet = tcp_syn6();
  XtAddrtype unicast;
  unicast.source = 1 << 1;
  rig.surroundings.type_answer = 2;
  CHECK(rig.matches({match(unicast)}));  // of IPv6 a local one is unicast, too
}

TEST_CASE("by chance, both ways are taken") {
  Rig rig;
  CHECK(rig.matches({match(statistic(0x40000000, false))}));
  CHECK(rig.assumed() == "statistic random 50.0 %");
  CHECK(rig.taken.at(0).fork.kind == Fork::Kind::balancing);
  CHECK(!rig.matches({match(statistic(0x40000000, false))}, {1}));
  CHECK(rig.matches({match(statistic(0x80000000, false))}));
  CHECK(!rig.matches({match(statistic(0, false))}));
  CHECK(rig.matches({match(statistic(0, true))}));
  CHECK(rig.decided());
  XtStatistic nth;
  nth.every = 2;
  CHECK(rig.matches({match(nth)}));
  CHECK(rig.assumed() == "statistic every 3");
}

TEST_CASE("targets mark packets and connections") {
  Rig rig;
  rig.context.mark = 0x0f;
  rig.alone({target(XtSetMark{0x4000, 0x4000, false})});
  CHECK(rig.context.mark == 0x400f);
  rig.alone({target(XtSetMark{1, 0xff, true})});  // there is no connection
  track(rig, CtState::fresh);
  rig.alone({target(XtSetMark{1, 0xff, true})});
  CHECK(rig.context.connection->mark == 1);
  rig.alone({target(XtCopyMark{true, 0xf000, 0xf000})});
  CHECK(rig.context.connection->mark == 0x4001);
  rig.alone({target(XtCopyMark{false, 0xff, 0xff})});
  CHECK(rig.context.mark == 0x4001);
}

TEST_CASE("targets translate") {
  Rig rig;
  XtNat nat;
  nat.flags = nat_map_ips | nat_proto_specified;
  nat.address_min = nat.address_max = address("10.244.0.5");
  nat.port_min = nat.port_max = 8443;
  const ChainResult result = rig.alone({target(nat, "DNAT")});
  CHECK(result.verdict == Result::accept);
  CHECK(result.nat.value().destination);
  CHECK(result.nat->address_min == address("10.244.0.5"));
  CHECK(result.nat->port_min == 8443);
  nat.kind = XtNat::Kind::masquerade;
  nat.flags = 0;
  CHECK(rig.alone({target(nat, "MASQUERADE")}).nat.value().masquerade);
  CHECK(!rig.alone({target(nat, "MASQUERADE")}).nat->address_min);
  nat.kind = XtNat::Kind::source;
  nat.flags = nat_map_ips;
  nat.address_min = address("172.16.0.0");
  nat.address_max = address("172.16.0.255");
  CHECK(rig.alone({target(nat, "NETMAP")}).nat->address_min == address("172.16.0.1"));
}

TEST_CASE("targets reject") {
  Rig rig;
  CHECK(rig.alone({target(XtReject{3, false})}).reject.value().icmp_code == 3);
  CHECK(rig.alone({target(XtReject{8, false})}).reject.value().icmp_code == 13);
  CHECK(rig.alone({target(XtReject{7, false})}).reject.value().tcp_reset);
  CHECK(rig.alone({target(XtReject{0, true})}).reject.value().tcp_reset);
  CHECK(rig.alone({target(XtReject{0, true})}).verdict == Result::drop);
  rig.packet = tcp_syn6();
  CHECK(rig.alone({target(XtReject{4, false})}).reject.value().icmp_type == 1);
}

TEST_CASE("targets make the MSS fit") {
  Rig rig;
  rig.alone({target(XtTcpMss{1200})});
  CHECK(rig.packet.mss == 1200);
  rig.alone({target(XtTcpMss{1300})});
  CHECK(rig.packet.mss == 1200);
  rig.alone({target(XtTcpMss{0xffff})});
  CHECK(rig.assumed() == "the MTU of the path is not known: the MSS is assumed to stay");
  rig.surroundings.route_answer = Bytes{0x4c, 0x04};  // 1100
  rig.alone({target(XtTcpMss{0xffff})});
  CHECK(rig.packet.mss == 1100);
  rig.packet.mss = 0;
  rig.alone({target(XtTcpMss{1300})});
  CHECK(rig.packet.mss == 536);
  rig.packet.mss = 0;
  rig.packet.payload = {1};
  rig.alone({target(XtTcpMss{1300})});
  CHECK(rig.packet.mss == 0);
  CHECK(rig.alone({target(XtUntrack{})}).notrack);
  CHECK(rig.matches({target(XtPasses{})}));
}

}  // namespace unit::packet_interpret_xt_test
