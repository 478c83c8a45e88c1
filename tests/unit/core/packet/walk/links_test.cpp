// Devices: both ends of a veth, bridges, VRFs, VLANs, and who answers when somebody asks for a MAC.
#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::walk_links_test {

using namespace walk_rig;

namespace {

// client and server on ports of the bridge br0 of a host.
struct Bridged {
  FakeWorld world;
  FakeHost& host = world.add("host");
  FakeHost& client = world.add("client");
  FakeHost& server = world.add("server");
  Choices choices;
  Walker walker{world, choices};

  Bridged() {
    host.ip("link add br0 type bridge").ip("address add 10.0.0.1/24 dev br0");
    world.veth(host, "v1", client, "eth0");
    world.veth(host, "v2", server, "eth0");
    host.ip("link set v1 master br0").ip("link set v2 master br0");
    client.ip("address add 10.0.0.2/24 dev eth0").ip("route add default via 10.0.0.1");
    server.ip("address add 10.0.0.3/24 dev eth0").ip("route add default via 10.0.0.1");
    for (FakeHost* one : {&host, &client, &server}) one->listen(core::packet::tcp, 80);
  }
  Way send(const std::string& to) {
    return walker.send(FakeWorld::place(client), tcp_packet("10.0.0.2", to));
  }
};

}  // namespace

TEST_CASE("a bridge leads to who answers") {
  Bridged rig;
  CHECK(rig.send("10.0.0.3").at.place == FakeWorld::place(rig.server));
  CHECK(rig.send("10.0.0.1").at.place == FakeWorld::place(rig.host));
  CHECK(story(rig.send("10.0.0.3")) == "send route receive deliver");
  const Way out = rig.walker.send(FakeWorld::place(rig.host), tcp_packet("10.0.0.1", "10.0.0.3"));
  CHECK(out.at.place == FakeWorld::place(rig.server));
  CHECK(rig.send("10.0.0.9").cause == Cause::neighbour_silent);
}

TEST_CASE("a known MAC decides, whoever has the address") {
  Bridged rig;
  rig.client.ip("neigh add 10.0.0.9 dev eth0 lladdr 02:00:00:00:02:02");
  CHECK(rig.send("10.0.0.9").at.place == FakeWorld::place(rig.server));
  rig.client.ip("neigh add 10.0.0.3 dev eth0 lladdr 02:00:00:00:77:77");
  CHECK(rig.send("10.0.0.3").cause == Cause::not_ours);
}

TEST_CASE("ports that are down, and those that lead out of sight") {
  Bridged rig;
  rig.host.ip("link set v2 down");
  CHECK(rig.send("10.0.0.3").cause == Cause::neighbour_silent);
  const auto from_host = [&](const std::string& to) {
    return rig.walker.send(FakeWorld::place(rig.host), tcp_packet("10.0.0.1", to));
  };
  CHECK(from_host("10.0.0.3").cause == Cause::neighbour_silent);
  rig.host.ip("link add eth0 type dummy").ip("link set eth0 master br0");
  CHECK(rig.send("10.0.0.3").end == End::left);
  CHECK(from_host("10.0.0.9").end == End::left);
  rig.host.ip("link set eth0 down");
  CHECK(rig.send("10.0.0.3").end == End::dropped);
  CHECK(from_host("10.0.0.9").end == End::dropped);
}

TEST_CASE("the ends of a bridge's ports bound the size") {
  Bridged rig;
  rig.server.ip("link set eth0 mtu 1400");
  const Way way = rig.send("10.0.0.3");
  CHECK(way.largest == 1400);
}

TEST_CASE("a host answers for each of its addresses, unless arp_ignore says otherwise") {
  Routed rig;
  rig.server.ip("address add 203.0.113.1/32 dev lo");
  rig.router.ip("route add 203.0.113.0/24 dev out");
  const auto reached = [&] {
    return rig.send(tcp_packet("10.0.0.2", "203.0.113.1")).end == End::delivered;
  };
  CHECK(reached());
  rig.server.set("net/ipv4/conf/eth0/arp_ignore", 1);
  CHECK(!reached());
  CHECK(rig.syn_to_server().end == End::delivered);
  rig.server.set("net/ipv4/conf/all/arp_ignore", 8);
  CHECK(rig.syn_to_server().cause == Cause::neighbour_silent);
}

TEST_CASE("a route of type local is answered for as well") {
  Routed rig;
  rig.server.ip("route add local 203.0.113.0/24 dev lo table 255");
  rig.router.ip("route add 203.0.113.0/24 dev out");
  CHECK(rig.send(tcp_packet("10.0.0.2", "203.0.113.1")).end == End::delivered);
}

TEST_CASE("proxy_arp answers for what lies behind another interface, if it forwards") {
  Routed rig;
  FakeHost& far = rig.world.add("far");
  rig.world.veth(rig.server, "eth1", far, "eth0");
  rig.server.ip("route add 203.0.113.0/24 dev eth1").ip("address add 203.0.113.254/32 dev eth1");
  far.ip("address add 203.0.113.1/24 dev eth0").listen(core::packet::tcp, 80);
  rig.router.ip("route add 203.0.113.0/24 dev out");
  const auto reached = [&] {
    return rig.send(tcp_packet("10.0.0.2", "203.0.113.1")).end == End::delivered;
  };
  CHECK(!reached());
  rig.server.set("net/ipv4/conf/eth0/proxy_arp", 1);
  CHECK(reached());
  rig.server.set("net/ipv4/conf/eth0/forwarding", 0);
  CHECK(!reached());
  rig.server.set("net/ipv4/conf/eth0/forwarding", 1).set("net/ipv4/conf/eth0/proxy_arp", 0);
  rig.server.set("net/ipv4/conf/all/proxy_arp", 1);
  CHECK(reached());
  // Never for what lies behind the same one.
  rig.server.ip("route add 203.0.113.7/32 dev eth0");
  CHECK(rig.send(tcp_packet("10.0.0.2", "203.0.113.7")).cause == Cause::neighbour_silent);
}

TEST_CASE("neighbours of IPv6 answer for the addresses of their own interface") {
  Routed rig;
  rig.router.ip("address add 2001:db8:2::1/64 dev out");
  rig.server.ip("address add 2001:db8:2::2/64 dev eth0")
      .ip("address add 2001:db8:2::3/128 dev lo")
      .ip("address add 2001:db8:2::4/64 dev eth0 tentative");
  const auto cause = [&](const std::string& to) {
    return rig.walker.send(FakeWorld::place(rig.router), tcp_packet("2001:db8:2::1", to)).cause;
  };
  CHECK(cause("2001:db8:2::2") == Cause::none);
  CHECK(cause("2001:db8:2::3") == Cause::neighbour_silent);
  CHECK(cause("2001:db8:2::4") == Cause::neighbour_silent);
}

TEST_CASE("each next hop of a route is a way of its own, the kernel's own one first") {
  Routed rig;
  FakeHost& other = rig.world.add("other router");
  rig.world.veth(rig.router, "second", other, "in");
  rig.world.veth(other, "out", rig.server, "eth1");
  rig.router.ip("address add 10.9.0.1/24 dev second")
      .ip("route add 203.0.113.0/24 nexthop via 192.0.2.2 dev out weight 1 nexthop via 10.9.0.2 "
          "dev "
          "second weight 3");
  other.ip("address add 10.9.0.2/24 dev in");
  rig.server.ip("address add 203.0.113.1/32 dev lo");
  const Packet packet = tcp_packet("10.0.0.2", "203.0.113.1");
  const Way way = rig.send(packet);
  CHECK(way.end == End::delivered);
  REQUIRE(rig.choices.taken().size() == 1);
  const Fork& fork = rig.choices.taken().front().fork;
  CHECK(fork.kind == Fork::Kind::balancing);
  CHECK(fork.options == 2);
  CHECK(fork.what.find("(via 192.0.2.2 dev out weight 1, via 10.9.0.2 dev second weight 3)") !=
        std::string::npos);
  Choices second({1});
  Walker walker(rig.world, second);
  const Way by_other = walker.send(FakeWorld::place(rig.client), packet);
  CHECK(by_other.end == End::dropped);
  CHECK(by_other.at.place == FakeWorld::place(other));
}

TEST_CASE("what comes in by a port of a VRF is the VRF's") {
  Routed rig;
  FakeHost& vrf = rig.world.add("vrf host");
  rig.world.veth(rig.server, "eth1", vrf, "eth0");
  vrf.ip("link add blue type vrf table 50").ip("link set eth0 master blue");
  vrf.ip("address add 198.51.100.2/24 dev eth0").listen(core::packet::tcp, 80);
  rig.server.ip("address add 198.51.100.1/24 dev eth1");
  const Way way =
      rig.walker.send(FakeWorld::place(rig.server), tcp_packet("198.51.100.1", "198.51.100.2"));
  CHECK(way.end == End::delivered);
  CHECK(way.steps.at(2).where == "blue");
}

TEST_CASE("a link whose other end is not seen: the packet leaves") {
  FakeWorld world;
  FakeHost& host = world.add("host");
  host.ip("link add eth0 type dummy")
      .ip("address add 10.0.0.1/24 dev eth0")
      .ip("link add vlan7 type vlan link eth0")
      .ip("address add 10.7.0.1/24 dev vlan7")
      .ip("link add gre0 type gre remote 10.0.0.9")
      .ip("address add 10.8.0.1/24 dev gre0");
  Choices choices;
  Walker walker(world, choices);
  const Way way = walker.send(0, tcp_packet("10.0.0.1", "10.0.0.2"));
  CHECK(way.end == End::left);
  CHECK(way.at == Attachment{0, host.index("eth0")});
  CHECK(walker.send(0, tcp_packet("10.7.0.1", "10.7.0.2")).at == Attachment{0, host.index("eth0")});
  CHECK(walker.assumptions().empty());
  CHECK(walker.send(0, tcp_packet("10.8.0.1", "10.8.0.2")).end == End::left);
  CHECK(walker.assumptions().size() == 1);
  host.ip("neigh add 10.0.0.2 dev eth0 nud failed");
  CHECK(walker.send(0, tcp_packet("10.0.0.1", "10.0.0.2")).cause == Cause::neighbour_silent);
}

TEST_CASE("an imagined client needs to answer for nothing") {
  Routed rig;
  rig.router.ip("neigh add 10.0.0.77 dev in nud failed");
  const Attachment in{FakeWorld::place(rig.router), rig.router.index("in")};
  WalkOptions options;
  options.edge_of_view = in;
  Walker walker(rig.world, rig.choices, options);
  const Way way = walker.send(FakeWorld::place(rig.server), tcp_packet("192.0.2.2", "10.0.0.77"));
  CHECK(way.end == End::left);
  CHECK(way.at == in);
}

TEST_CASE("broadcasts are not followed") {
  Routed rig;
  rig.router.ip("route add broadcast 192.0.2.255/32 dev out table 255");
  const Way way = rig.send(udp_packet("10.0.0.2", "192.0.2.255"));
  CHECK(way.end == End::unknown);
  CHECK(rig.walker.assumptions().size() == 1);
}

}  // namespace unit::walk_links_test
