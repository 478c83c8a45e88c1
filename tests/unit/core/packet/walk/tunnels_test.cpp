// Into tunnels and out of them, and what room they leave.
#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::walk_tunnels_test {

using namespace walk_rig;

namespace {

// The rig's client and server with tunnels to each other, in which they are 10.9.0.2 and 10.9.0.3.
struct Tunnelled : Routed {
  void tunnel(const std::string& type) {
    client.ip("link add tun type " + type + " local 10.0.0.2 remote 192.0.2.2");
    server.ip("link add tun type " + type + " local 192.0.2.2 remote 10.0.0.2");
    client.ip("address add 10.9.0.2/24 dev tun").ip("address add 2001:db8:9::2/64 dev tun");
    server.ip("address add 10.9.0.3/24 dev tun").ip("address add 2001:db8:9::3/64 dev tun");
  }
  Way inside(const std::string& from = "10.9.0.2", const std::string& to = "10.9.0.3") {
    return send(tcp_packet(from, to));
  }
  void check(const std::string& type, std::size_t overhead, const std::string& through = "") {
    INFO(type);
    tunnel(type);
    const Way way = inside();
    CHECK(story(way) ==
          "send route encapsulate route receive route receive " + through + "decapsulate deliver");
    CHECK(way.end == End::delivered);
    CHECK(way.largest == 1500 - overhead);
    CHECK(step(way, Step::What::encapsulate).overhead == overhead);
    CHECK(step(way, Step::What::encapsulate).encapsulation == 1);
    CHECK(way.steps.back().encapsulation == 0);
    CHECK(way.steps.back().overhead == 0);
    CHECK(to_text(way.packet) == "10.9.0.2:40000 > 10.9.0.3:80");
    CHECK(way.packet.ttl == 64);
    const Packet outer = step(way, Step::What::encapsulate).packet;
    CHECK(outer.destination == address("192.0.2.2"));
    CHECK(outer.source == address("10.0.0.2"));
    const Way six = inside("2001:db8:9::2", "2001:db8:9::3");
    if (type.starts_with("ipip")) {
      CHECK(six.cause == Cause::tunnel_closed);
      return;
    }
    CHECK(six.end == End::delivered);
    CHECK(six.packet.family == core::Family::ipv6);
  }
};

}  // namespace

TEST_CASE("VXLAN with an Ethernet header takes 50 bytes") {
  Tunnelled().check("vxlan id 7 dstport 4789", 20 + 8 + 8 + 14);
}

TEST_CASE("VXLAN-GPE takes 36 bytes") {
  Tunnelled().check("vxlan gpe id 7 dstport 4790", 20 + 8 + 8);
}

TEST_CASE("IP in IP takes 20 bytes") { Tunnelled().check("ipip", 20); }

TEST_CASE("FoU takes 28 bytes") {
  Tunnelled rig;
  rig.server.fou = {{5555, 4}, {5556, 41}};
  rig.check("ipip encap-sport 5555 encap-dport 5555", 28, "decapsulate ");
  CHECK(step(rig.inside(), Step::What::encapsulate).packet.source_port == 5555);
}

TEST_CASE("the narrowest place is named") {
  Tunnelled rig;
  rig.tunnel("vxlan id 7 dstport 4789");
  rig.router.ip("link set out mtu 1400");
  const Way way = rig.inside();
  CHECK(way.largest == 1350);
  CHECK(way.steps.at(way.narrowest).where == "out");
  rig.client.ip("link set tun mtu 1300");
  CHECK(rig.inside().largest == 1300);
}

TEST_CASE("a tunnel that nobody takes packets from at the other end") {
  SECTION("no device") {
    Tunnelled rig;
    rig.client.ip("link add tun type vxlan id 7 dstport 4789 remote 192.0.2.2")
        .ip("address add 10.9.0.2/24 dev tun");
    const Way way = rig.inside();
    CHECK(way.cause == Cause::tunnel_closed);
    CHECK(way.steps.back().encapsulation == 1);
  }
  SECTION("another identifier") {
    Tunnelled rig;
    rig.tunnel("vxlan id 7 dstport 4789");
    rig.server.device("tun").tunnel->vni = 8;
    CHECK(rig.inside().cause == Cause::tunnel_closed);
    rig.server.device("tun").tunnel->external = true;
    CHECK(rig.inside().end == End::delivered);
  }
  SECTION("down") {
    Tunnelled rig;
    rig.tunnel("ipip");
    rig.server.ip("link set tun down");
    CHECK(rig.inside().cause == Cause::tunnel_closed);
    rig.client.ip("link set tun down");
    CHECK(rig.inside().cause == Cause::link_down);
  }
  SECTION("another peer") {
    Tunnelled rig;
    rig.tunnel("ipip");
    rig.server.device("tun").tunnel->remote = address("10.0.0.77");
    CHECK(rig.inside().cause == Cause::tunnel_closed);
  }
  SECTION("no port of FoU") {
    Tunnelled rig;
    rig.tunnel("ipip encap-sport 5555 encap-dport 5555");
    CHECK(rig.inside().cause == Cause::tunnel_closed);
  }
}

TEST_CASE("a route says where an external tunnel leads") {
  Tunnelled rig;
  rig.tunnel("vxlan gpe id 7 dstport 4790");
  rig.client.device("tun").tunnel->remote.reset();
  rig.client.device("tun").tunnel->external = true;
  CHECK(rig.inside().cause == Cause::no_route);
  rig.client.ip("route add 10.9.0.3/32 dev tun encap 192.0.2.2");
  rig.server.device("tun").tunnel->external = true;
  CHECK(rig.inside().end == End::delivered);
}

TEST_CASE("translation of the outer packet, and the way back through the tunnel") {
  Tunnelled rig;
  rig.tunnel("ipip encap-sport 5555 encap-dport 5555");
  rig.client.device("tun").tunnel->remote = address("10.96.0.50");
  rig.server.fou = {{5555, 4}};
  rig.client.fou = {{5555, 4}};
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat),
       port(5555) + dnat("192.0.2.2"));
  const Way way = rig.inside();
  CHECK(way.end == End::delivered);
  CHECK(step(way, Step::What::dnat).encapsulation == 1);
  const Way back = rig.answer(way);
  CHECK(back.end == End::delivered);
  CHECK(to_text(back.packet) == "10.9.0.3:80 > 10.9.0.2:40000");
}

TEST_CASE(
    "the mark of a packet does not lead the tunnel's own packets, where the kernel has it so") {
  const auto marked_way = [](Tunnelled& rig) {
    rig.client.ip("rule add fwmark 7 lookup 7")
        .ip("route add 10.9.0.0/24 dev tun table 7")
        .ip("route add blackhole default table 7");
    return rig.send(tcp_packet("10.9.0.2", "10.9.0.3"), 7);
  };
  Tunnelled ipip;
  ipip.tunnel("ipip");
  CHECK(marked_way(ipip).end == End::delivered);
  Tunnelled vxlan;
  vxlan.tunnel("vxlan id 7 dstport 4789");
  CHECK(marked_way(vxlan).cause == Cause::blackhole);
}

TEST_CASE("the outer packet is nobody's where rules ask for the user") {
  Tunnelled rig;
  rig.tunnel("ipip");
  rig.client.ip("rule add uidrange 1000-1000 lookup 7")
      .ip("route add 10.9.0.0/24 dev tun table 7")
      .ip("route add blackhole default table 7");
  const Way way =
      rig.walker.send(FakeWorld::place(rig.client), tcp_packet("10.9.0.2", "10.9.0.3"), 0, 1000);
  CHECK(way.end == End::delivered);
}

}  // namespace unit::walk_tunnels_test
