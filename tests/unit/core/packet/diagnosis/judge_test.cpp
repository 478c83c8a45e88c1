// Which code is said of which way, and at which step.
#include "core/constants.hpp"
#include "unit/core/packet/diagnosis/diagnosis_rig.hpp"

namespace unit::diagnosis_judge_test {

using namespace diagnosis_rig;

namespace {

void check(const Diagnosis& diagnosis, int code, const FakeHost& host, const std::string& where) {
  INFO(story(diagnosis.answer.request) << ", code " << diagnosis.code());
  REQUIRE(diagnosis.code() == code);
  CHECK(diagnosis.trace.result == Trace::Result::fail);
  CHECK(diagnosis.step().place == FakeWorld::place(host));
  CHECK(diagnosis.step().where == where);
  CHECK(!diagnosis.first().why.empty());
}

ChainId edge_chain(FakeHost& host, const std::string& name, Hook hook, std::int32_t priority,
                   Type type = Type::filter) {
  ChainId id{TableFamily::ip, std::string(core::constants::edge_table), name};
  host.rules.add({id, type, hook, priority, false, {}});
  return id;
}

// A mapped address of the router: 203.0.113.5:443 is the server's port 80.
struct Mapped : Judged {
  ChainId prerouting = edge_chain(router, "prerouting", Hook::prerouting, -100, Type::nat);
  Mapped() {
    router.ip("address add 203.0.113.5/32 dev in").ip("route add default dev in");
    rule(router, prerouting, port(443) + dnat("192.0.2.2", 80));
    rule(router, edge_chain(router, "postrouting", Hook::postrouting, 100, Type::nat),
         masquerade());
    from_outside("198.51.100.7", "203.0.113.5", 443);
    promise.kind = Promise::Kind::edge;
    promise.object = "Mapping shop/web";
  }
};

}  // namespace

TEST_CASE("a healthy way: no finding, and what was checked") {
  Judged rig;
  const Diagnosis result = rig.judge();
  CHECK(result.trace.findings.empty());
  CHECK(result.trace.result == Trace::Result::ok);
  CHECK(result.trace.symmetric == true);
  CHECK(result.trace.seen_source == address("10.0.0.2"));
  CHECK(result.trace.facts == std::vector<std::string>{"mtu 1500 fits"});
}

TEST_CASE("a healthy way through an edge, whose client is only imagined") {
  Mapped rig;
  const Diagnosis result = rig.judge();
  INFO((result.trace.findings.empty() ? "" : result.first().why));
  CHECK(result.trace.findings.empty());
  CHECK(result.trace.result == Trace::Result::ok);
  CHECK(result.trace.symmetric == true);
  CHECK(result.trace.seen_source == address("192.0.2.1"));
}

TEST_CASE("1xx: rules of others") {
  Judged rig;
  const ChainId id = chain(rig.router, Hook::forward, 0, Type::filter, true);
  check(rig.judge(), code::policy_drop, rig.router, "forward");
  CHECK(rig.judge().first().fixes.at(0).command ==
        "nft insert rule inet t forward ip saddr 10.0.0.2 ip daddr 192.0.2.2 tcp dport 80 accept");
  rule(rig.router, id, port(80) + drops(), 12);
  check(rig.judge(), code::rule_drop, rig.router, "forward");
  CHECK(rig.judge().first().fixes.at(0).command ==
        "nft insert rule inet t forward position 12 ip saddr 10.0.0.2 ip daddr 192.0.2.2 tcp "
        "dport 80 accept");
  Judged other;
  const ChainId reject = chain(other.router, Hook::forward, 0);
  rule(other.router, reject, {Reject{reject_tcp_reset, 0}});
  check(other.judge(), code::rule_reject, other.router, "forward");
  Judged queue;
  rule(queue.router, chain(queue.router, Hook::forward, 0), {Verdict{Verdict::Code::queue, ""}});
  CHECK(queue.judge().code() == code::queued);
}

TEST_CASE("1xx: rules of iptables are mended by iptables") {
  Judged rig;
  const ChainId id{TableFamily::ip, "filter", "FORWARD"};
  rig.router.rules.add({id, Type::filter, Hook::forward, 0, true, {}});
  CHECK(rig.judge().first().fixes.at(0).command ==
        "iptables -I FORWARD -s 10.0.0.2 -d 192.0.2.2 -p tcp --dport 80 -j ACCEPT");
}

TEST_CASE("1xx: the edge's own rules do what an object says") {
  const std::pair<const char*, int> cases[] = {{"refused-source", code::source_not_allowed},
                                               {"refused-connections", code::limit_exceeded},
                                               {"refused-rate", code::limit_exceeded},
                                               {"nobody", code::no_endpoint}};
  for (const auto& [name, number] : cases) {
    INFO(name);
    Mapped rig;
    rule(rig.router, edge_chain(rig.router, name, Hook::prerouting, -150), drops());
    check(rig.judge(), number, rig.router, "prerouting");
  }
}

TEST_CASE("1xx: in front of the edge") {
  Mapped untracked;
  rule(untracked.router, chain(untracked.router, Hook::prerouting, -300), {Notrack{}}, 5);
  check(untracked.judge(), code::not_tracked, untracked.router, "prerouting");
  Mapped other;
  other.router.listen(core::packet::tcp, 8443);
  rule(other.router, chain(other.router, Hook::prerouting, -110, Type::nat, false, "docker"),
       port(443) + dnat("192.0.2.2", 81), 6);
  check(other.judge(), code::translated_by_others, other.router, "prerouting");
}

TEST_CASE("2xx: each way that ends before its time") {
  SECTION("reverse path") {
    Judged rig;
    rig.router.ip("route add 10.0.0.2/32 via 192.0.2.2").set("net/ipv4/conf/in/rp_filter", 1);
    check(rig.judge(), code::reverse_path, rig.router, "in");
  }
  SECTION("martian") {
    Judged rig;
    rig.from_outside("192.0.2.1", "192.0.2.2");
    check(rig.judge(), code::martian, rig.router, "in");
  }
  SECTION("forwarding") {
    Judged rig;
    rig.router.set("net/ipv4/conf/in/forwarding", 0);
    check(rig.judge(), code::forwarding_off, rig.router, "in");
  }
  SECTION("no route") {
    Judged rig;
    rig.question.probe.destination = address("203.0.113.1");
    check(rig.judge(), code::no_route, rig.router, "route");
  }
  SECTION("routes that refuse") {
    for (const std::string type : {"blackhole", "unreachable", "prohibit"}) {
      Judged rig;
      rig.router.ip("route add " + type + " 192.0.2.2/32");
      check(rig.judge(), code::route_refuses, rig.router, "route");
      CHECK(rig.judge().first().fixes.at(0).command == "ip route del " + type + " 192.0.2.2/32");
    }
  }
  SECTION("neighbours") {
    Judged rig;
    rig.question.probe.destination = address("192.0.2.9");
    check(rig.judge(), code::neighbour_silent, rig.router, "out");
    rig.router.ip("neigh add 192.0.2.9 dev out lladdr 02:99:00:00:00:01");
    check(rig.judge(), code::wrong_neighbour, rig.router, "out");
  }
  SECTION("link down") {
    Judged rig;
    rig.router.ip("link set out down");
    check(rig.judge(), code::link_down, rig.router, "out");
  }
  SECTION("size") {
    Judged rig;
    rig.question.probe.payload.resize(1400);
    rig.router.ip("link set out mtu 1280");
    check(rig.judge(), code::mtu, rig.router, "out");
  }
  SECTION("time to live") {
    Judged rig;
    rig.question.probe.ttl = 1;
    check(rig.judge(), code::ttl, rig.router, "forward");
  }
  SECTION("full table") {
    Judged rig;
    rig.router.fill = {10, 10};
    check(rig.judge(), code::table_full, rig.router, "conntrack");
  }
  SECTION("IPv6 disabled") {
    Judged rig;
    rig.client.set("net/ipv6/conf/all/disable_ipv6", 1);
    rig.question.probe = tcp_packet("::", "2001:db8::1");
    check(rig.judge(), code::ipv6_disabled, rig.client, "route");
  }
  SECTION("tunnel closed") {
    Judged rig;
    rig.client.ip("link add tun type ipip remote 192.0.2.2").ip("address add 10.9.0.2/24 dev tun");
    rig.question.probe = tcp_packet("10.9.0.2", "10.9.0.3");
    check(rig.judge(), code::tunnel_closed, rig.server, "input");
  }
  SECTION("loop") {
    Judged rig;
    rig.client.ip("link add tun type vxlan id 1 remote 10.77.0.2 dstport 4789")
        .ip("link set tun mtu 65000")
        .ip("address add 10.9.0.2/24 dev tun")
        .ip("route add 10.77.0.2/32 dev tun");
    rig.question.probe = tcp_packet("10.9.0.2", "10.9.0.3");
    check(rig.judge(), code::loop, rig.client, "");
  }
}

TEST_CASE("2xx: a narrow place on a way that is fine otherwise") {
  Judged rig;
  rig.router.ip("link set out mtu 1280");
  const Diagnosis result = rig.judge();
  CHECK(result.trace.result == Trace::Result::ok);
  REQUIRE(result.code() == code::mtu);
  CHECK(!result.first().fatal);
  CHECK(result.step().where == "out");
}

TEST_CASE("2xx: entries of connection tracking that decide") {
  Judged rig;
  Connection old;
  old.original = tuple_of(rig.question.probe);
  old.reply = reversed(old.original);
  old.status = ips_confirmed | ips_src_nat_done | ips_dst_nat_done;
  old.in_kernel = true;
  old.id = 4;
  rig.router.tracked.push_back(old);
  // It is worth to know, and hurts nobody.
  CHECK(rig.judge().code() == code::stale_connection);
  CHECK(rig.judge().trace.result == Trace::Result::ok);
  rig.router.tracked.front().status |= ips_dst_nat;
  rig.router.tracked.front().reply.source = address("192.0.2.77");
  const Diagnosis result = rig.judge();
  check(result, code::stale_connection, rig.router, "prerouting");
  CHECK(result.has(code::neighbour_silent));
  CHECK(result.first().fixes.at(0).command ==
        "conntrack -D -p tcp --orig-src 10.0.0.2 --orig-dst 192.0.2.2 --orig-port-src 40000 "
        "--orig-port-dst 80");
}

TEST_CASE("2xx: ports that are used up, an address that somebody else has") {
  Judged ports;
  rule(ports.router, chain(ports.router, Hook::postrouting, 100, Type::nat), snat("192.0.2.1"));
  Connection other;
  for (std::uint32_t port = 40000; port < 40200; ++port) {
    Packet packet = tcp_packet("192.0.2.1", "192.0.2.2");
    packet.source_port = static_cast<std::uint16_t>(port);
    other.reply = reversed(tuple_of(packet));
    packet.source = address("10.0.0.9");
    other.original = tuple_of(packet);
    ports.router.tracked.push_back(other);
  }
  check(ports.judge(), code::ports_exhausted, ports.router, "postrouting");
  Judged twice;
  LinkAddress held{*core::Prefix::parse("192.0.2.2/24"), false, true, true};
  twice.server.device("eth0").addresses = {held};
  CHECK(twice.judge().code() == code::duplicate_address);
}

TEST_CASE("1xx: what is dropped by rules that are not read") {
  Judged rig;
  rig.router.unread.push_back(
      {Hook::forward, Opaque{"legacy iptables", Opaque::Opinion::drops, "x"}});
  check(rig.judge(), code::unseen_drop, rig.router, "forward");
}

TEST_CASE("2xx: an entry takes a tunnel's packets for answers") {
  Judged rig;
  rig.client.ip("link add tun type ipip remote 192.0.2.2 encap-sport 5555 encap-dport 5555")
      .ip("address add 10.9.0.2/24 dev tun");
  rig.question.probe = tcp_packet("10.9.0.2", "10.9.0.3");
  Packet outer = udp_packet("192.0.2.2", "10.0.0.2", 5555);
  outer.source_port = 5555;
  Connection entry;
  entry.original = tuple_of(outer);
  entry.reply = reversed(entry.original);
  entry.status = ips_confirmed | ips_src_nat_done | ips_dst_nat_done;
  entry.in_kernel = true;
  entry.id = 3;
  rig.router.tracked.push_back(entry);
  CHECK(rig.judge().has(code::tunnel_clash));
}

TEST_CASE("2xx: the answer has no way back, or another one") {
  SECTION("no route") {
    Judged rig;
    rig.router.ip("route add 172.16.0.0/16 via 10.0.0.2");
    rig.client.ip("address add 172.16.0.1/32 dev lo");
    rig.question.probe.source = address("172.16.0.1");
    FakeHost& server = rig.world.add("other");
    rig.world.veth(rig.router, "out2", server, "eth0");
    rig.router.ip("address add 198.51.100.1/24 dev out2");
    server.ip("address add 198.51.100.2/24 dev eth0").listen(core::packet::tcp, 80);
    rig.question.probe.destination = address("198.51.100.2");
    check(rig.judge(), code::no_way_back, server, "route");
  }
  SECTION("past who translated it") {
    Judged rig;
    rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat),
         port(443) + dnat("192.0.2.2", 80));
    rig.world.veth(rig.server, "eth1", rig.client, "eth1");
    rig.server.ip("address add 10.50.0.1/24 dev eth1").ip("route add 10.0.0.2/32 dev eth1");
    rig.question.probe = tcp_packet("10.0.0.2", "203.0.113.5", 443);
    check(rig.judge(), code::no_way_back, rig.client, "input");
  }
  SECTION("by another host") {
    Judged rig;
    FakeHost& detour = rig.world.add("detour");
    rig.world.veth(rig.server, "eth1", detour, "a");
    rig.world.veth(detour, "b", rig.client, "eth1");
    rig.server.ip("address add 10.50.0.1/24 dev eth1").ip("route add 10.0.0.0/24 via 10.50.0.2");
    detour.ip("address add 10.50.0.2/24 dev a").ip("route add 10.0.0.0/24 dev b");
    const Diagnosis result = rig.judge();
    REQUIRE(result.code() == code::asymmetric);
    CHECK(!result.first().fatal);
    CHECK(result.trace.symmetric == false);
    CHECK(result.trace.result == Trace::Result::ok);
  }
  SECTION("by the pod's other router, and not by the edge") {
    for (const bool filtered : {false, true}) {
      Judged rig;
      rig.router.ip("address add 203.0.113.5/32 dev in").ip("route add default dev in");
      rule(rig.router, edge_chain(rig.router, "prerouting", Hook::prerouting, -100, Type::nat),
           port(443) + dnat("192.0.2.2", 80));
      rig.from_outside("198.51.100.7", "203.0.113.5", 443);
      rig.promise.kind = Promise::Kind::edge;
      rig.promise.object = "Mapping shop/web";
      FakeHost& other = rig.world.add("other");
      rig.world.veth(rig.server, "eth1", other, "pods");
      rig.world.veth(other, "wan", rig.client, "eth1");
      rig.server.ip("address add 10.50.0.1/24 dev eth1");
      rig.server.ip("route add 198.51.100.0/24 via 10.50.0.2");
      other.ip("address add 10.50.0.2/24 dev pods").ip("route add 198.51.100.0/24 dev wan");
      rig.client.ip("address add 198.51.100.7/24 dev eth1");
      rig.client.set("net/ipv4/conf/eth1/rp_filter", filtered ? 1 : 0);
      check(rig.judge(), code::asymmetric, rig.server, "eth1");
      CHECK(rig.judge().first().fatal);
      CHECK(rig.judge().first().fixes.at(0).command.ends_with(
          "ip route replace 198.51.100.7 via 192.0.2.1"));
      CHECK(rig.judge().first().fixes.at(1).command ==
            "pona mapping set shop/web --preserve-client-ip=false");
    }
  }
  SECTION("by another interface of the edge") {
    Mapped rig;
    rig.router.ip("link add wan type dummy").ip("address add 100.64.0.1/24 dev wan");
    rig.router.ip("route add 198.51.100.0/24 dev wan");
    check(rig.judge(), code::asymmetric, rig.router, "wan");
  }
}

TEST_CASE("2xx: what outside sees, against what an Egress promises") {
  const auto egress = [](Judged& rig) {
    rig.promise.kind = Promise::Kind::egress;
    rig.promise.object = "Egress net/internet";
    rig.promise.sources = {address("192.0.2.200")};
  };
  SECTION("past the tunnel") {
    Judged rig;
    egress(rig);
    CHECK(rig.judge().code() == code::bypassed);
    CHECK(rig.judge().first().answered);
    rig.promise.sources = {address("10.0.0.2")};
    CHECK(rig.judge().code() == 0);
  }
  SECTION("through it, and not translated") {
    Judged rig;
    egress(rig);
    rig.client.ip("link add tun type ipip remote 10.0.0.1").ip("route add 192.0.2.2/32 dev tun");
    rig.router.ip("link add tun type ipip remote 10.0.0.2");
    CHECK(rig.judge().code() == code::not_translated);
    rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat), masquerade());
    CHECK(rig.judge().code() == code::wrong_source);
    rig.promise.sources = {address("192.0.2.1")};
    CHECK(!rig.judge().has(code::wrong_source));
  }
  SECTION("refused by a route, as the Egress wants it") {
    Judged rig;
    egress(rig);
    rig.client.ip("route add unreachable 192.0.2.2/32");
    CHECK(rig.judge().code() == code::route_refuses);
    rig.promise.closed = true;
    check(rig.judge(), code::egress_closed, rig.client, "route");
  }
  SECTION("by the fence in the pod, and by the NAT pod") {
    Judged rig;
    egress(rig);
    const ChainId fence{TableFamily::ip, std::string(core::constants::client_table), "output"};
    rig.client.rules.add({fence, Type::filter, Hook::output, 0, false, {}});
    rule(rig.client, fence, drops());
    check(rig.judge(), code::bypassed, rig.client, "output");
    Judged unknown;
    egress(unknown);
    const ChainId nat{TableFamily::ip, std::string(core::constants::nat_table), "forward"};
    unknown.router.rules.add({nat, Type::filter, Hook::forward, 0, true, {}});
    check(unknown.judge(), code::unknown_client, unknown.router, "forward");
  }
  SECTION("draining") {
    Judged rig;
    egress(rig);
    rig.promise.sources.clear();
    rig.promise.draining = true;
    CHECK(rig.judge().code() == code::nat_pod_draining);
    CHECK(rig.judge().trace.result == Trace::Result::ok);
  }
}

TEST_CASE("3xx: nothing listens") {
  Judged rig;
  rig.question.probe.destination_port = 81;
  check(rig.judge(), code::port_closed, rig.server, "input");
}

TEST_CASE("4xx: what an object says of itself is the reason, if it is fatal") {
  Mapped rig;
  rig.promise.problem = Finding{code::no_endpoint, true, false, 0, "no ready endpoint", {}};
  CHECK(rig.judge().code() == code::no_endpoint);
  CHECK(rig.judge().trace.result == Trace::Result::fail);
}

TEST_CASE("4xx: an address that nothing maps") {
  Mapped rig;
  rig.promise.object.clear();
  rig.question.probe.destination_port = 444;
  check(rig.judge(), code::not_mapped, rig.router, "input");
}

TEST_CASE("what leaves is open") {
  Judged rig;
  rig.server.ip("link add wan type dummy").ip("address add 100.64.0.2/24 dev wan");
  rig.router.ip("route add 100.64.0.0/24 via 192.0.2.2");
  rig.question.probe.destination = address("100.64.0.9");
  CHECK(rig.judge().trace.result == Trace::Result::inconclusive);
  CHECK(rig.judge().trace.findings.empty());
}

}  // namespace unit::diagnosis_judge_test
