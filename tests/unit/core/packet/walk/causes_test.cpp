// Each reason for which a way ends before its time.
#include <cerrno>

#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::walk_causes_test {

using namespace walk_rig;

namespace {

struct Ended {
  End end;
  Cause cause;
  std::string where;
};
void check_end(const Way& way, const Ended& wanted) {
  INFO(story(way));
  CHECK(way.end == wanted.end);
  CHECK(way.cause == wanted.cause);
  CHECK(way.steps.back().where == wanted.where);
  CHECK(way.steps.back().what ==
        (wanted.end == End::answered ? Step::What::answer : Step::What::drop));
}
void check_drop(const Way& way, Cause cause, const std::string& where, const FakeHost& host) {
  check_end(way, {End::dropped, cause, where});
  CHECK(way.steps.back().place == FakeWorld::place(host));
}

}  // namespace

TEST_CASE("a packet gets through two hosts, and its answer back") {
  Routed rig;
  const Way way = rig.syn_to_server();
  CHECK(story(way) == "send route receive route receive deliver");
  CHECK(way.end == End::delivered);
  CHECK(way.cause == Cause::none);
  CHECK(way.packet.ttl == 63);
  CHECK(way.at.place == FakeWorld::place(rig.server));
  CHECK(way.largest == 1500);
  const Way back = rig.answer(way);
  CHECK(story(back) == "send route receive route receive deliver");
  CHECK(back.end == End::delivered);
  CHECK(back.at.place == FakeWorld::place(rig.client));
}

TEST_CASE("a rule drops, rejects, a policy drops") {
  Routed rig;
  const ChainId id = chain(rig.router, Hook::forward, 0, Type::filter, true);
  check_drop(rig.syn_to_server(), Cause::policy_drop, "forward", rig.router);
  CHECK(rig.syn_to_server().steps.back().rule->handle == 0);
  rule(rig.router, id, port(80) + drops(), 12, "no web");
  const Way way = rig.syn_to_server();
  check_drop(way, Cause::rule_drop, "forward", rig.router);
  CHECK(way.steps.back().rule->handle == 12);
  CHECK(way.steps.back().rule->number == 1);
  CHECK(way.steps.back().rule->comment == "no web");
  rule(rig.router, id, port(81) + std::vector<Expression>{Reject{reject_tcp_reset, 0}});
  check_drop(rig.send(tcp_packet("10.0.0.2", "192.0.2.2", 81)), Cause::rule_reject, "forward",
             rig.router);
  rule(rig.router, id, {Verdict{Verdict::Code::queue, ""}});
  const Way queued = rig.send(tcp_packet("10.0.0.2", "192.0.2.2", 82));
  check_end(queued, {End::unknown, Cause::queue, "forward"});
}

TEST_CASE("the way back is checked: strict, loose, and what they take") {
  Routed rig;
  const auto strict = [&](std::int64_t mode) {
    rig.router.set("net/ipv4/conf/in/rp_filter", mode);
  };
  const auto from = [&](const std::string& source) {
    const std::uint32_t in = rig.router.index("in");
    return rig.walker.receive({FakeWorld::place(rig.router), in}, tcp_packet(source, "192.0.2.2"));
  };
  rig.router.ip("route add 172.16.0.0/16 via 192.0.2.2");
  CHECK(from("172.16.0.1").end == End::delivered);
  strict(1);
  check_drop(from("172.16.0.1"), Cause::reverse_path, "in", rig.router);
  CHECK(from("10.0.0.9").end == End::delivered);
  strict(2);
  CHECK(from("172.16.0.1").end == End::delivered);
  check_drop(from("203.0.113.1"), Cause::reverse_path, "in", rig.router);
  strict(0);
  rig.router.set("net/ipv4/conf/all/rp_filter", 1);
  check_drop(from("172.16.0.1"), Cause::reverse_path, "in", rig.router);
}

TEST_CASE("an interface without an address takes no other way back, however loose the check is") {
  Routed rig;
  rig.router.device("in").addresses.clear();
  rig.router.set("net/ipv4/conf/in/rp_filter", 2);
  rig.router.ip("route add 172.16.0.0/16 via 192.0.2.2");
  const Attachment in{FakeWorld::place(rig.router), rig.router.index("in")};
  check_drop(rig.walker.receive(in, tcp_packet("172.16.0.1", "192.0.2.2")), Cause::reverse_path,
             "in", rig.router);
}

TEST_CASE("a mark counts for the way back where the sysctl says so") {
  Routed rig;
  rig.router.ip("route add 172.16.0.0/16 via 192.0.2.2")
      .ip("route add 172.16.0.0/16 dev in table 7")
      .ip("rule add fwmark 7 lookup 7")
      .set("net/ipv4/conf/in/rp_filter", 1);
  rule(rig.router, chain(rig.router, Hook::prerouting, -150), mark(7));
  const Attachment in{FakeWorld::place(rig.router), rig.router.index("in")};
  const Packet packet = tcp_packet("172.16.0.1", "192.0.2.2");
  check_drop(rig.walker.receive(in, packet), Cause::reverse_path, "in", rig.router);
  rig.router.set("net/ipv4/conf/in/src_valid_mark", 1);
  CHECK(rig.walker.receive(in, packet).end == End::delivered);
}

TEST_CASE("who has a host's own address is not believed, unless it may be") {
  Routed rig;
  const Attachment in{FakeWorld::place(rig.router), rig.router.index("in")};
  check_drop(rig.walker.receive(in, tcp_packet("192.0.2.1", "192.0.2.2")), Cause::martian, "in",
             rig.router);
  rig.router.set("net/ipv4/conf/in/accept_local", 1);
  CHECK(rig.walker.receive(in, tcp_packet("192.0.2.1", "192.0.2.2")).end == End::delivered);
}

TEST_CASE("who sends has to have the address") {
  Routed rig;
  check_drop(rig.send(tcp_packet("10.9.9.9", "192.0.2.2")), Cause::martian, "route", rig.client);
}

TEST_CASE("a host that does not forward") {
  Routed rig;
  rig.router.set("net/ipv4/conf/in/forwarding", 0);
  check_drop(rig.syn_to_server(), Cause::forwarding_off, "in", rig.router);
}

TEST_CASE("routes that are not there, or refuse") {
  Routed rig;
  check_drop(rig.send(tcp_packet("10.0.0.2", "203.0.113.1")), Cause::no_route, "route", rig.router);
  rig.router.ip("route add blackhole 203.0.113.1/32")
      .ip("route add unreachable 203.0.113.2/32")
      .ip("route add prohibit 203.0.113.3/32");
  const auto to = [&](const std::string& address) {
    return rig.send(tcp_packet("10.0.0.2", address));
  };
  check_drop(to("203.0.113.1"), Cause::blackhole, "route", rig.router);
  check_drop(to("203.0.113.2"), Cause::unreachable, "route", rig.router);
  check_drop(to("203.0.113.3"), Cause::prohibited, "route", rig.router);
  rig.client.ip("route add blackhole 198.51.100.1/32")
      .ip("route add unreachable 198.51.100.2/32")
      .ip("route add prohibit 198.51.100.3/32");
  check_drop(to("198.51.100.1"), Cause::blackhole, "route", rig.client);
  check_drop(to("198.51.100.2"), Cause::unreachable, "route", rig.client);
  check_drop(to("198.51.100.3"), Cause::prohibited, "route", rig.client);
}

TEST_CASE("a routing rule that refuses is told with its text") {
  const std::pair<std::string, Cause> refusals[] = {{"blackhole", Cause::blackhole},
                                                    {"unreachable", Cause::unreachable},
                                                    {"prohibit", Cause::prohibited}};
  for (const auto& [word, cause] : refusals) {
    Routed rig;
    rig.router.ip("rule add priority 100 to 192.0.2.2/32 " + word);
    Way way = rig.syn_to_server();
    check_drop(way, cause, "route", rig.router);
    CHECK(way.steps.back().text.find(": rule priority 100") != std::string::npos);
    rig.client.ip("rule add priority 100 to 192.0.2.2/32 " + word);
    way = rig.syn_to_server();
    check_drop(way, cause, "route", rig.client);
    CHECK(way.steps.back().text.find("routing rule") != std::string::npos);
  }
}

TEST_CASE("neighbours that do not answer, or are others than known") {
  Routed rig;
  check_drop(rig.send(tcp_packet("10.0.0.2", "192.0.2.77")), Cause::neighbour_silent, "out",
             rig.router);
  rig.router.ip("neigh add 192.0.2.2 dev out lladdr 02:00:00:00:09:09");
  check_drop(rig.syn_to_server(), Cause::not_ours, "out", rig.router);
}

TEST_CASE("interfaces that are down, at either end") {
  Routed rig;
  rig.server.ip("link set eth0 down");
  check_drop(rig.syn_to_server(), Cause::link_down, "out", rig.router);
  rig.router.ip("link set out down");
  check_drop(rig.syn_to_server(), Cause::link_down, "out", rig.router);
  FakeHost& alone = rig.world.add("alone");
  alone.ip("link add eth0 type dummy").ip("address add 10.1.0.1/24 dev eth0");
  alone.ip("link set eth0 nocarrier");
  const Way way = rig.walker.send(FakeWorld::place(alone), tcp_packet("10.1.0.1", "10.1.0.2"));
  check_drop(way, Cause::link_down, "eth0", alone);
}

TEST_CASE("packets that are too large") {
  Routed rig;
  Packet large = tcp_packet("10.0.0.2", "192.0.2.2");
  large.payload.resize(1400);
  rig.router.ip("link set out mtu 1300");
  check_drop(rig.send(large), Cause::too_big, "out", rig.router);
  rig.router.ip("link set out mtu 1500");
  rig.server.ip("link set eth0 mtu 1300");
  // A veth takes four bytes more than its MTU.
  check_drop(rig.send(large), Cause::too_big, "out", rig.router);
  large.payload.resize(1304 - 40);
  CHECK(rig.send(large).end == End::delivered);
  const Way way = rig.syn_to_server();
  CHECK(way.largest == 1304);
  CHECK(way.steps.at(way.narrowest).place == FakeWorld::place(rig.server));
}

TEST_CASE("the size counts before the rules of what is forwarded, and the route's own MTU does") {
  Routed rig;
  chain(rig.router, Hook::forward, 0, Type::filter, true);
  Packet large = tcp_packet("10.0.0.2", "192.0.2.2");
  large.payload.resize(1400);
  check_drop(rig.send(large), Cause::policy_drop, "forward", rig.router);
  rig.router.ip("link set out mtu 1300");
  check_drop(rig.send(large), Cause::too_big, "out", rig.router);
  rig.router.ip("link set out mtu 1500").ip("route add 192.0.2.2/32 dev out mtu 1300");
  const Way way = rig.send(large);
  check_drop(way, Cause::too_big, "out", rig.router);
  CHECK(way.steps.back().text == "1440 bytes do not fit into the MTU 1300 of the route by out");
  // What may be cut into fragments gets on.
  large.dont_fragment = false;
  check_drop(rig.send(large), Cause::policy_drop, "forward", rig.router);
  CHECK(rig.walker.assumptions().size() == 1);
}

TEST_CASE("the time to live ends where it would be forwarded, not where it is delivered") {
  Routed rig;
  Packet packet = tcp_packet("10.0.0.2", "192.0.2.2");
  packet.ttl = 1;
  check_drop(rig.send(packet), Cause::ttl_exceeded, "forward", rig.router);
  packet.ttl = 2;
  CHECK(rig.send(packet).end == End::delivered);
}

TEST_CASE("ports that nothing listens on") {
  Routed rig;
  const Way way = rig.send(tcp_packet("10.0.0.2", "192.0.2.2", 81));
  check_end(way, {End::answered, Cause::port_closed, "input"});
  CHECK(rig.send(udp_packet("10.0.0.2", "192.0.2.2", 54)).cause == Cause::port_closed);
  CHECK(rig.send(udp_packet("10.0.0.2", "192.0.2.2", 53)).end == End::delivered);
  rig.server.listeners_known = false;
  const Way unknown = rig.send(tcp_packet("10.0.0.2", "192.0.2.2", 81));
  CHECK(unknown.end == End::delivered);
  CHECK(rig.walker.assumptions().size() == 1);
}

TEST_CASE("the kernel answers echo requests itself") {
  Routed rig;
  const Way way = rig.send(echo_packet("10.0.0.2", "192.0.2.2"));
  CHECK(way.end == End::delivered);
  CHECK(story(way) == "send route receive route receive answer");
  CHECK(rig.answer(way).end == End::delivered);
}

TEST_CASE("a full table of connections lets only known ones pass") {
  Routed rig;
  rig.router.fill = {1000, 1000};
  check_drop(rig.syn_to_server(), Cause::table_full, "conntrack", rig.router);
  Connection known;
  known.original = tuple_of(tcp_packet("10.0.0.2", "192.0.2.2"));
  known.reply = reversed(known.original);
  known.status = ips_confirmed;
  known.in_kernel = true;
  known.id = 5;
  rig.router.tracked.push_back(known);
  CHECK(rig.syn_to_server().end == End::delivered);
}

TEST_CASE("IPv6 disabled, and not forwarded") {
  Routed rig;
  rig.client.ip("address add 2001:db8:1::2/64 dev eth0").ip("route add default via 2001:db8:1::1");
  rig.router.ip("address add 2001:db8:1::1/64 dev in").ip("address add 2001:db8:2::1/64 dev out");
  rig.server.ip("address add 2001:db8:2::2/64 dev eth0").ip("route add default via 2001:db8:2::1");
  const Packet packet = tcp_packet("2001:db8:1::2", "2001:db8:2::2");
  CHECK(rig.send(packet).end == End::delivered);
  rig.server.set("net/ipv6/conf/eth0/disable_ipv6", 1);
  check_drop(rig.send(packet), Cause::ipv6_disabled, "eth0", rig.server);
  rig.router.set("net/ipv6/conf/all/forwarding", 0);
  check_drop(rig.send(packet), Cause::forwarding_off, "in", rig.router);
  FakeHost& without = rig.world.add("without");
  without.set("net/ipv6/conf/all/disable_ipv6", 1);
  const Way way = rig.walker.send(FakeWorld::place(without), tcp_packet("::", "2001:db8:2::2"));
  check_drop(way, Cause::ipv6_disabled, "route", without);
}

TEST_CASE("routes that lead in a circle") {
  Routed rig;
  rig.router.ip("route add 203.0.113.0/24 via 192.0.2.2");
  rig.server.ip("route add 203.0.113.0/24 via 192.0.2.1");
  // The time to live ends it.
  const Way way = rig.send(tcp_packet("10.0.0.2", "203.0.113.1"));
  CHECK(way.cause == Cause::ttl_exceeded);
  // A tunnel through itself has none.
  FakeHost& host = rig.world.add("host");
  host.ip("link add eth0 type dummy")
      .ip("address add 10.1.0.1/24 dev eth0")
      .ip("link add v0 type vxlan id 1 remote 10.2.0.2 dstport 4789")
      .ip("link set v0 mtu 60000")
      .ip("address add 10.3.0.1/24 dev v0")
      .ip("route add 10.2.0.2/32 dev v0");
  check_drop(rig.walker.send(FakeWorld::place(host), tcp_packet("10.3.0.1", "10.3.0.2")),
             Cause::loop, "", host);
}

TEST_CASE("a socket picks the source address that its route has") {
  Routed rig;
  rig.client.ip("address add 10.0.0.3/32 dev eth0")
      .ip("route add 192.0.2.0/24 via 10.0.0.1 src 10.0.0.3");
  const Way way = rig.send(tcp_packet("0.0.0.0", "192.0.2.2"));
  CHECK(way.end == End::delivered);
  CHECK(way.steps.front().packet.source == address("10.0.0.3"));
}

TEST_CASE("what others decide is assumed to let it pass, and said") {
  Routed rig;
  rig.router.unread.push_back(
      {Hook::forward, Opaque{"legacy iptables, table filter", Opaque::Opinion::unknown, ""}});
  rig.router.device("in").xdp = true;
  rig.router.device("out").tc = true;
  CHECK(rig.syn_to_server().end == End::delivered);
  REQUIRE(rig.walker.assumptions().size() == 3);
  CHECK(rig.walker.assumptions().at(0).where == "router: in");
  CHECK(rig.walker.assumptions().at(1).where == "router: forward");
  CHECK(rig.walker.assumptions().at(2).where == "router: out");
}

TEST_CASE("what is known to be dropped by rules that are not read") {
  Routed rig;
  rig.router.unread.push_back(
      {Hook::forward, Opaque{"legacy iptables", Opaque::Opinion::drops, "iptables-legacy -L"}});
  check_drop(rig.syn_to_server(), Cause::unread_drop, "forward", rig.router);
  rig.router.unread.front().second.opinion = Opaque::Opinion::passes;
  CHECK(rig.syn_to_server().end == End::delivered);
  CHECK(rig.walker.assumptions().empty());
}

TEST_CASE("no source port is left") {
  Routed rig;
  Nat nat;
  nat.address_min = 0;
  nat.port_min = 16;
  nat.flags = nat_proto_specified;
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat),
       {Immediate{0, address_bytes("192.0.2.1")}, Immediate{16, be16(5000)}, nat});
  CHECK(rig.syn_to_server().end == End::delivered);
  Packet other = tcp_packet("10.0.0.2", "192.0.2.2");
  other.source_port = 40001;
  check_drop(rig.send(other), Cause::ports_exhausted, "postrouting", rig.router);
}

}  // namespace unit::walk_causes_test
