#include "core/packet/kernel_numbers.hpp"
#include "core/packet/rules/interpret.hpp"
#include "support/catch.hpp"
#include "support/packet_rig.hpp"

namespace unit::packet_interpret_meta_test {

using namespace packet_rig;

namespace {

bool is(Rig& rig, std::uint32_t key, Bytes value) {
  return rig.matches({Meta{key, 0}, equals(std::move(value))});
}
bool breaks(Rig& rig, std::uint32_t key) { return !rig.matches({Meta{key, 0}}); }
bool ct_is(Rig& rig, std::uint32_t key, Bytes value, std::optional<std::uint8_t> direction = {}) {
  return rig.matches({Ct{key, direction, 0}, equals(std::move(value))});
}

Connection connection_of(const Packet& packet) {
  Connection connection;
  connection.original = tuple_of(packet);
  connection.reply = reversed(connection.original);
  connection.reply.source = address("10.244.0.5");
  connection.reply.source_port = 8443;
  connection.status = status_destination_nat;
  connection.mark = 0x10;
  connection.zone = 7;
  return connection;
}

}  // namespace

TEST_CASE("meta keys are what the kernel says") {
  Rig rig;
  rig.context.mark = 0x4000;
  rig.context.priority = 3;
  CHECK(is(rig, meta_len, host32(44)));
  CHECK(is(rig, meta_protocol, {8, 0, 0, 0}));
  CHECK(is(rig, meta_mark, host32(0x4000)));
  CHECK(is(rig, meta_priority, host32(3)));
  CHECK(is(rig, meta_iif, host32(3)));
  CHECK(is(rig, meta_oif, host32(4)));
  CHECK(is(rig, meta_iifname, name_bytes("eth0")));
  CHECK(is(rig, meta_oifname, name_bytes("veth1")));
  CHECK(is(rig, meta_oifname, {'v', 'e', 't', 'h'}));  // veth*
  CHECK(is(rig, meta_iiftype, {1, 0, 0, 0}));
  CHECK(is(rig, meta_iifgroup, host32(7)));
  CHECK(is(rig, meta_oifkind, name_bytes("veth")));
  CHECK(breaks(rig, meta_iifkind));
  CHECK(is(rig, meta_nfproto, {2}));
  CHECK(is(rig, meta_l4proto, {6}));
  CHECK(is(rig, meta_pkttype, {0}));
  CHECK(is(rig, meta_nftrace, {0}));
  CHECK(rig.decided());
  rig.packet = tcp_syn6();
  CHECK(is(rig, meta_nfproto, {10}));
  CHECK(is(rig, meta_protocol, {0x86, 0xdd}));
  rig.packet.destination = address("ff02::1");
  CHECK(is(rig, meta_pkttype, {2}));
}

TEST_CASE("without a device its name is empty, and its type is none") {
  Rig rig;
  rig.context.in.reset();
  CHECK(is(rig, meta_iif, host32(0)));
  CHECK(is(rig, meta_iifname, name_bytes("")));
  CHECK(breaks(rig, meta_iiftype));
  CHECK(breaks(rig, meta_iifgroup));
  CHECK(breaks(rig, meta_iifkind));
}

TEST_CASE("where a packet goes out, the type is that of the device that it goes out by") {
  Rig rig;
  rig.context.in.reset();
  rig.context.out->type = 772;
  rig.context.hook = Hook::postrouting;
  CHECK(is(rig, meta_iiftype, {4, 3, 0, 0}));
}

TEST_CASE("only what is sent here has an owner") {
  Rig rig;
  CHECK(breaks(rig, meta_skuid));
  rig.context.in.reset();
  CHECK(!is(rig, meta_skuid, host32(1000)));
  CHECK(rig.assumed() == "meta skuid is not known: assumed not to fit");
  rig.context.uid = 1000;
  CHECK(is(rig, meta_skuid, host32(1000)));
  CHECK(rig.decided());
}

TEST_CASE("what the walk cannot know is not known") {
  Rig rig;
  for (const std::uint32_t key : {meta_cpu, meta_secpath, meta_time_ns, meta_time_hour,
                                  meta_sdifname, meta_bri_iifname, meta_secmark}) {
    CHECK(!is(rig, key, {1}));
    CHECK(rig.taken.size() == 1);
  }
  // Of a random number both ways are taken.
  CHECK(!is(rig, meta_prandom, {1}));
  CHECK(rig.taken.at(0).fork.kind == Fork::Kind::balancing);
}

TEST_CASE("marks are set") {
  Rig rig;
  const ChainResult result = rig.alone({Immediate{0, host32(0x4000)}, MetaSet{meta_mark, 0}});
  CHECK(rig.context.mark == 0x4000);
  CHECK(result.marked);
  CHECK(result.rules.at(0).note == "mark 0x4000");
  CHECK(!rig.alone({Immediate{0, host32(0x4000)}, MetaSet{meta_mark, 0}}).marked);
  rig.alone({Immediate{0, host32(5)}, MetaSet{meta_priority, 0}, MetaSet{meta_nftrace, 0}});
  CHECK(rig.context.priority == 5);
  rig.alone({Meta{meta_cpu, 0}, MetaSet{meta_mark, 0}});
  CHECK(rig.assumed() == "meta cpu is not known: the mark is assumed to stay");
}

TEST_CASE("the state of a connection is asked for") {
  Rig rig;
  CHECK(ct_is(rig, ct_state, host32(state_invalid)));
  CHECK(!rig.matches({Ct{ct_mark, {}, 0}}));
  CHECK(!rig.matches({Ct{ct_direction, {}, 0}}));
  CHECK(rig.decided());
  rig.context.connection = connection_of(rig.packet);
  rig.context.state = CtState::fresh;
  CHECK(ct_is(rig, ct_state, host32(state_new)));
  rig.context.state = CtState::established;
  CHECK(ct_is(rig, ct_state, host32(state_established)));
  rig.context.state = CtState::related;
  CHECK(ct_is(rig, ct_state, host32(state_related)));
  rig.context.untracked = true;
  CHECK(ct_is(rig, ct_state, host32(state_untracked)));
  CHECK(!rig.matches({Ct{ct_mark, {}, 0}}));
}

TEST_CASE("what a connection is") {
  Rig rig;
  rig.context.connection = connection_of(rig.packet);
  rig.context.state = CtState::established;
  rig.context.reply = true;
  CHECK(ct_is(rig, ct_direction, {1}));
  CHECK(ct_is(rig, ct_status, host32(32)));
  CHECK(ct_is(rig, ct_mark, host32(0x10)));
  CHECK(ct_is(rig, ct_zone, {7, 0}));
  CHECK(ct_is(rig, ct_l3protocol, {2}));
  CHECK(ct_is(rig, ct_protocol, {6}));
  CHECK(ct_is(rig, ct_src, address_bytes("10.0.0.1"), 0));
  CHECK(ct_is(rig, ct_src, address_bytes("10.244.0.5"), 1));
  CHECK(ct_is(rig, ct_dst_ip, address_bytes("192.0.2.7"), 0));
  CHECK(!rig.matches({Ct{ct_dst_ip6, 0, 0}}));
  CHECK(ct_is(rig, ct_proto_dst, be16(443), 0));
  CHECK(ct_is(rig, ct_proto_src, be16(8443), 1));
  CHECK(!rig.matches({Ct{ct_helper, {}, 0}}));
  CHECK(rig.decided());
  CHECK(!ct_is(rig, ct_expiration, host32(1000)));
  CHECK(rig.assumed() == "ct expiration is not known: assumed not to fit");
  rig.context.connection->timeout = 1;
  CHECK(ct_is(rig, ct_expiration, host32(1000)));
  CHECK(!ct_is(rig, ct_pkts, Bytes(8, 1), 0));
  CHECK(!rig.decided());
  rig.context.connection->id = 0x01020304;
  CHECK(ct_is(rig, ct_id, {1, 2, 3, 4}));
}

TEST_CASE("connections are marked, and left untracked") {
  Rig rig;
  rig.alone({Immediate{0, host32(1)}, CtSet{ct_mark, 0}});
  CHECK(!rig.context.connection);
  rig.alone({Immediate{0, {9, 0}}, CtSet{ct_zone, 0}});
  CHECK(rig.context.zone == 9);
  CHECK(rig.alone({Notrack{}}).notrack);
  CHECK(rig.context.untracked);
  Rig seen;
  seen.context.connection = connection_of(seen.packet);
  seen.alone({Immediate{0, host32(1)}, CtSet{ct_mark, 0}});
  CHECK(seen.context.connection->mark == 1);
  CHECK(!seen.alone({Notrack{}}).notrack);
  CHECK(!seen.context.untracked);
}

TEST_CASE("a flowtable takes what is established") {
  Rig rig;
  rig.context.connection = connection_of(rig.packet);
  rig.context.state = CtState::fresh;
  CHECK(!rig.matches({FlowOffload{"ft"}}));
  CHECK(rig.decided());
  rig.context.state = CtState::established;
  CHECK(rig.matches({FlowOffload{"ft"}}));
  CHECK(rig.assumed() ==
        "the flowtable ft takes packets of established connections past the rules: not modelled");
}

TEST_CASE("routing is asked of the surroundings") {
  Rig rig;
  const Fib type{fib_addrtype, fib_daddr, 0};
  CHECK(!rig.matches({type, equals(host32(2))}));
  CHECK(rig.assumed() == "fib type is not known: assumed not to fit");
  rig.surroundings.fib_answer = host32(2);
  CHECK(rig.matches({type, equals(host32(2))}));
  CHECK(rig.decided());
  const Fib present{fib_oif, fib_saddr | fib_iif | fib_present, 0};
  CHECK(rig.matches({present, equals({1, 0, 0, 0})}));
  CHECK(rig.surroundings.asked_flags == (fib_saddr | fib_iif));
  rig.surroundings.fib_answer = host32(0);
  CHECK(rig.matches({present, equals({0, 0, 0, 0})}));
  rig.surroundings.fib_answer = Bytes{'e', 't', 'h', '0'};
  CHECK(rig.matches({Fib{fib_oifname, fib_saddr, 0}, equals(name_bytes("eth0"))}));
  rig.surroundings.fib_answer = Bytes{};
  CHECK(!rig.matches({Fib{fib_oifname, fib_saddr, 0}}));
  CHECK(!rig.matches({Rt{rt_nexthop6, 0}}));
  CHECK(rig.decided());
  CHECK(!rig.matches({Rt{rt_nexthop4, 0}, equals(address_bytes("10.0.0.254"))}));
  CHECK(!rig.decided());
  rig.surroundings.route_answer = address_bytes("10.0.0.254");
  CHECK(rig.matches({Rt{rt_nexthop4, 0}, equals(address_bytes("10.0.0.254"))}));
  rig.surroundings.socket_answer = Bytes{};
  CHECK(!rig.matches({Socket{socket_transparent, 0, 0}}));
  CHECK(rig.decided());
  rig.surroundings.socket_answer = Bytes{1};
  CHECK(rig.matches({Socket{socket_transparent, 0, 0}, equals({1})}));
}

}  // namespace unit::packet_interpret_meta_test
