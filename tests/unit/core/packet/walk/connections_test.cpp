// Connection tracking: what makes an entry, what an entry decides, ICMP errors.
#include "core/packet/diagnosis/model.hpp"
#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::walk_connections_test {

using namespace walk_rig;

namespace {

struct Tracking {
  FakeWorld world;
  FakeHost& host = world.add("host");
  Connections connections;
  Context context;

  CtState state_of(const Packet& packet) {
    context = Context();
    REQUIRE(connections.track(packet, context, host));
    return context.state;
  }
  CtState state_with(std::uint8_t flags) {
    Packet packet = tcp_packet("10.0.0.1", "10.0.0.2");
    packet.tcp_flags = flags;
    return state_of(packet);
  }
};

Packet with_flags(Packet packet, std::uint8_t flags) {
  packet.tcp_flags = flags;
  return packet;
}

Connection entry(const Packet& packet, const std::string& server, std::uint16_t port) {
  Connection one;
  one.original = tuple_of(packet);
  one.reply = reversed(one.original);
  one.reply.source = address(server);
  one.reply.source_port = port;
  one.status = ips_confirmed | ips_dst_nat | ips_dst_nat_done | ips_src_nat_done;
  one.in_kernel = true;
  one.id = 99;
  return one;
}

}  // namespace

TEST_CASE("which packets of TCP begin a connection") {
  Tracking rig;
  CHECK(rig.state_with(syn) == CtState::fresh);
  CHECK(rig.state_with(ack) == CtState::fresh);
  CHECK(rig.state_with(syn | ack) == CtState::invalid);
  CHECK(rig.state_with(rst) == CtState::invalid);
  CHECK(rig.state_with(rst | ack) == CtState::invalid);
  CHECK(rig.state_with(fin | ack) == CtState::invalid);
  CHECK(rig.state_with(0) == CtState::invalid);
  rig.host.set("net/netfilter/nf_conntrack_tcp_loose", 0);
  CHECK(rig.state_with(ack) == CtState::invalid);
  CHECK(rig.state_with(syn) == CtState::fresh);
}

TEST_CASE("echo replies that nobody asked for are invalid") {
  Tracking rig;
  Packet packet = echo_packet("10.0.0.1", "10.0.0.2");
  CHECK(rig.state_of(packet) == CtState::fresh);
  packet.icmp_type = 0;
  CHECK(rig.state_of(packet) == CtState::invalid);
  Packet six = echo_packet("2001:db8::1", "2001:db8::2");
  CHECK(rig.state_of(six) == CtState::fresh);
  six.icmp_type = 129;
  CHECK(rig.state_of(six) == CtState::invalid);
}

TEST_CASE("an entry knows its directions") {
  Tracking rig;
  const Packet packet = tcp_packet("10.0.0.1", "10.0.0.2");
  CHECK(rig.state_of(packet) == CtState::fresh);
  rig.connections.confirm(rig.context);
  // Again, as a retransmission: no answer was seen.
  CHECK(rig.state_of(packet) == CtState::fresh);
  Packet back = packet;
  std::swap(back.source, back.destination);
  std::swap(back.source_port, back.destination_port);
  back.tcp_flags = syn | ack;
  CHECK(rig.state_of(back) == CtState::established);
  CHECK(rig.context.reply);
  rig.connections.confirm(rig.context);
  CHECK(rig.state_of(packet) == CtState::established);
  CHECK(!rig.context.reply);
}

TEST_CASE("an entry of before decides, whatever rules say today") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat), dnat("192.0.2.77", 80));
  const Packet packet = udp_packet("10.0.0.2", "203.0.113.5");
  rig.router.tracked.push_back(entry(packet, "192.0.2.2", 53));
  const Way way = rig.send(packet);
  CHECK(way.end == End::delivered);
  CHECK(story(way) == "send route receive connection untranslate route receive deliver");
  CHECK(step(way, Step::What::connection).connection->id == 99);
}

TEST_CASE("a connection that is over makes room for a new one") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat), dnat("192.0.2.2", 80));
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat), masquerade());
  const Packet packet = tcp_packet("10.0.0.2", "203.0.113.5");
  Connection old = entry(packet, "192.0.2.77", 80);
  old.reply.destination = address("192.0.2.1");
  rig.router.tracked.push_back(old);
  CHECK(rig.send(packet).cause == Cause::neighbour_silent);
  for (const std::uint8_t over : {std::uint8_t{7}, std::uint8_t{8}}) {
    Routed again;
    rule(again.router, chain(again.router, Hook::prerouting, -100, Type::nat),
         dnat("192.0.2.2", 80));
    old.tcp_state = over;
    again.router.tracked.push_back(old);
    const Way way = again.send(packet);
    CHECK(way.end == End::delivered);
    CHECK(way.packet.source_port == 40000);
    // Nothing but a SYN does.
    Routed later;
    later.router.tracked.push_back(old);
    CHECK(later.send(with_flags(packet, ack)).cause == Cause::neighbour_silent);
  }
}

TEST_CASE("what is expected is related") {
  Tracking rig;
  const Packet packet = tcp_packet("10.0.0.1", "10.0.0.2");
  Connection one;
  one.original = tuple_of(packet);
  one.reply = reversed(one.original);
  one.status = ips_confirmed | ips_expected;
  rig.host.tracked.push_back(one);
  CHECK(rig.state_of(packet) == CtState::related);
}

TEST_CASE("an ICMP error goes back as what it is about was translated") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat),
       port(5353) + dnat("192.0.2.2", 54));
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat), masquerade());
  const Way way = rig.send(udp_packet("10.0.0.2", "203.0.113.5", 5353));
  REQUIRE(way.cause == Cause::port_closed);
  CHECK(to_text(way.packet) == "192.0.2.1:40000 > 192.0.2.2:54");
  const Packet error = answer_to(way.packet, false);
  CHECK(is_icmp_error(error));
  const Way back = rig.walker.send(way.at.place, error);
  CHECK(back.end == End::delivered);
  CHECK(back.at.place == FakeWorld::place(rig.client));
  CHECK(back.packet.destination == address("10.0.0.2"));
  CHECK(back.packet.source == address("203.0.113.5"));
  const auto quoted = parse_packet(back.packet.payload);
  REQUIRE(quoted);
  CHECK(to_text(*quoted) == "10.0.0.2:40000 > 203.0.113.5:5353");
}

TEST_CASE("an ICMP error is related, one about nothing known invalid") {
  Tracking rig;
  const Packet packet = udp_packet("10.0.0.1", "10.0.0.2");
  CHECK(rig.state_of(packet) == CtState::fresh);
  rig.connections.confirm(rig.context);
  CHECK(rig.state_of(answer_to(packet, false)) == CtState::related);
  CHECK(rig.context.reply);
  CHECK(rig.state_of(answer_to(udp_packet("10.0.0.1", "10.0.0.3"), false)) == CtState::invalid);
}

TEST_CASE("an error about an answer goes the way of the requests") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat), dnat("192.0.2.2", 53));
  const Way way = rig.send(udp_packet("10.0.0.2", "203.0.113.5", 5353));
  REQUIRE(way.end == End::delivered);
  const Way back = rig.answer(way);
  REQUIRE(back.at.place == FakeWorld::place(rig.client));
  // The client has no such socket any more.
  const Way error = rig.send(answer_to(back.packet, false));
  CHECK(error.packet.destination == address("192.0.2.2"));
  CHECK(to_text(parse_packet(error.packet.payload).value()) == "192.0.2.2:53 > 10.0.0.2:40000");
}

}  // namespace unit::walk_connections_test
