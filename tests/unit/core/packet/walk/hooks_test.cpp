// Chains, connection tracking and translations in the order in which the kernel has them.
#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::walk_hooks_test {

using namespace walk_rig;

namespace {

std::string who(const Way& way) { return to_text(way.packet); }

// Of a walker that knows of no connection yet.
Way anew(Routed& rig) {
  Walker walker(rig.world, rig.choices);
  return walker.send(FakeWorld::place(rig.client), tcp_packet("10.0.0.2", "192.0.2.2"));
}

// The chains of which a walk that records all says something, in their order.
std::string order(FakeWorld& world, FakeHost& host, const Packet& packet, const std::string& in) {
  Choices choices;
  WalkOptions options;
  options.evaluated = true;
  Walker walker(world, choices, options);
  const Way way = walker.receive({FakeWorld::place(host), host.index(in)}, packet);
  std::string text;
  for (const Step& step : way.steps) {
    if (step.place != FakeWorld::place(host)) break;
    for (const RuleReference& one : step.evaluated) text += one.chain.name + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("chains are met by their priorities, those of type nat where nf_nat is") {
  Routed rig;
  // Added out of order; among equals the later one is behind.
  for (const auto& [name, priority] :
       {std::pair("filter", 0), {"late", 200}, {"raw", -300}, {"mangle", -150}, {"same", 0}}) {
    rule(rig.router, chain(rig.router, Hook::prerouting, priority, Type::filter, false, name),
         {Counter{}});
  }
  rule(rig.router, chain(rig.router, Hook::prerouting, 150, Type::nat, false, "nat"), {Counter{}});
  CHECK(order(rig.world, rig.router, tcp_packet("10.0.0.2", "192.0.2.2"), "in") ==
        "raw mangle nat filter same late ");
}

TEST_CASE("state is known from -200 on") {
  Routed rig;
  const ChainId early = chain(rig.router, Hook::prerouting, -300, Type::filter, false, "early");
  rule(rig.router, early, state(state_new) + drops());
  CHECK(rig.syn_to_server().end == End::delivered);
  const ChainId later = chain(rig.router, Hook::prerouting, -199, Type::filter, false, "later");
  rule(rig.router, later, state(state_new) + drops());
  CHECK(rig.syn_to_server().steps.back().rule->chain == later);
}

TEST_CASE("filters in front of -100 see the old destination, behind it the new one") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat, false, "nat"),
       port(443) + dnat("192.0.2.2", 80));
  const ChainId before = chain(rig.router, Hook::prerouting, -150, Type::filter, false, "before");
  rule(rig.router, before, port(80) + drops());
  const ChainId after = chain(rig.router, Hook::prerouting, -50, Type::filter, false, "after");
  rule(rig.router, after, port(443) + drops());
  const Way way = rig.send(tcp_packet("10.0.0.2", "203.0.113.5", 443));
  CHECK(way.end == End::delivered);
  CHECK(who(way) == "10.0.0.2:40000 > 192.0.2.2:80");
}

TEST_CASE("a destination is translated, and its answer back") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat),
       port(443) + dnat("192.0.2.2", 80), 9);
  const Way way = rig.send(tcp_packet("10.0.0.2", "203.0.113.5", 443));
  CHECK(story(way) == "send route receive dnat route receive deliver");
  const Step& translated = step(way, Step::What::dnat);
  CHECK(translated.before->destination == address("203.0.113.5"));
  CHECK(translated.packet.destination_port == 80);
  CHECK(translated.rule->handle == 9);
  CHECK(translated.connection->status == (ips_dst_nat | ips_dst_nat_done));
  const Way back = rig.answer(way);
  CHECK(story(back) == "send route receive route untranslate receive deliver");
  CHECK(who(back) == "203.0.113.5:443 > 10.0.0.2:40000");
}

TEST_CASE("a source is translated, and its answer back") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat), snat("192.0.2.9"));
  rig.router.ip("address add 192.0.2.9/32 dev out");
  const Way way = rig.syn_to_server();
  CHECK(who(way) == "192.0.2.9:40000 > 192.0.2.2:80");
  const Way back = rig.answer(way);
  CHECK(story(back) == "send route receive untranslate route receive deliver");
  CHECK(who(back) == "192.0.2.2:80 > 10.0.0.2:40000");
}

TEST_CASE("masquerade takes the address that the next hop is in the subnet of") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat), masquerade());
  CHECK(who(anew(rig)) == "192.0.2.1:40000 > 192.0.2.2:80");
  auto& addresses = rig.router.device("out").addresses;
  addresses.insert(addresses.begin(), {*core::Prefix::parse("198.51.100.1/24")});
  CHECK(who(anew(rig)) == "192.0.2.1:40000 > 192.0.2.2:80");
  addresses.erase(addresses.begin() + 1);
  CHECK(who(anew(rig)) == "198.51.100.1:40000 > 192.0.2.2:80");
  addresses.front().secondary = true;
  addresses.push_back({*core::Prefix::parse("198.51.100.2/24")});
  CHECK(who(anew(rig)) == "198.51.100.2:40000 > 192.0.2.2:80");
  addresses.clear();
  // Borrowed from another interface, never from lo.
  CHECK(who(anew(rig)) == "10.0.0.1:40000 > 192.0.2.2:80");
  rig.router.device("in").addresses.clear();
  const Way none = Walker(rig.world, rig.choices)
                       .receive({FakeWorld::place(rig.router), rig.router.index("in")},
                                tcp_packet("10.0.0.2", "192.0.2.2"));
  CHECK(none.cause == Cause::rule_drop);
}

TEST_CASE("a redirect leads to the host itself") {
  Routed rig;
  rig.router.listen(core::packet::tcp, 8080);
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat), redirect(8080));
  const Way way = rig.syn_to_server();
  CHECK(way.end == End::delivered);
  CHECK(way.at.place == FakeWorld::place(rig.router));
  CHECK(who(way) == "10.0.0.2:40000 > 10.0.0.1:8080");
  const Way back = rig.answer(way);
  CHECK(who(back) == "192.0.2.2:80 > 10.0.0.2:40000");
  CHECK(back.end == End::delivered);
}

TEST_CASE("a redirect of what the host sends itself leads to 127.0.0.1") {
  Routed rig;
  rig.client.listen(core::packet::tcp, 8080);
  rule(rig.client, chain(rig.client, Hook::output, -100, Type::nat), port(80) + redirect(8080));
  // By lo nothing is translated a second time.
  rule(rig.client, chain(rig.client, Hook::prerouting, -100, Type::nat), redirect(9));
  const Way way = rig.syn_to_server();
  CHECK(story(way) == "send route dnat receive deliver");
  CHECK(who(way) == "10.0.0.2:40000 > 127.0.0.1:8080");
  const Way back = rig.answer(way);
  CHECK(back.end == End::delivered);
  CHECK(who(back) == "192.0.2.2:80 > 10.0.0.2:40000");
}

TEST_CASE("a host reaches itself by its own address") {
  Routed rig;
  const Way way = rig.walker.send(FakeWorld::place(rig.server), tcp_packet("0.0.0.0", "192.0.2.2"));
  CHECK(story(way) == "send receive deliver");
  CHECK(way.packet.source == address("192.0.2.2"));
  CHECK(rig.answer(way).end == End::delivered);
  rule(rig.server, chain(rig.server, Hook::prerouting, -300), {Notrack{}});
  rule(rig.server, chain(rig.server, Hook::input, 0), state(state_new) + drops());
  // It is tracked on the way out already, so that the rule is too late.
  Packet other = tcp_packet("0.0.0.0", "192.0.2.2");
  other.source_port = 40001;
  const Way again = rig.walker.send(FakeWorld::place(rig.server), other);
  CHECK(again.cause == Cause::rule_drop);
}

TEST_CASE("the first translation holds, chains behind it are not asked") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -110, Type::nat, false, "first"),
       dnat("192.0.2.2", 80), 1);
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat, false, "second"),
       dnat("192.0.2.2", 81), 2);
  const Way way = rig.send(tcp_packet("10.0.0.2", "203.0.113.5", 443));
  CHECK(step(way, Step::What::dnat).rule->handle == 1);
  CHECK(count(way, Step::What::dnat) == 1);
}

TEST_CASE("a port that another connection has gives way") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat), masquerade());
  Connection other;
  other.original = tuple_of(tcp_packet("10.0.0.3", "192.0.2.2"));
  other.reply = reversed(tuple_of(tcp_packet("192.0.2.1", "192.0.2.2")));
  rig.router.tracked.push_back(other);
  const Way way = rig.syn_to_server();
  CHECK(who(way) == "192.0.2.1:40001 > 192.0.2.2:80");
  REQUIRE(step(way, Step::What::snat).notes.size() == 1);
  CHECK(who(rig.answer(way)) == "192.0.2.2:80 > 10.0.0.2:40000");
  // Also where no rule translates.
  Connection same;
  same.original = tuple_of(tcp_packet("10.0.0.9", "203.0.113.5"));
  same.reply = reversed(tuple_of(tcp_packet("10.0.0.2", "203.0.113.6")));
  rig.client.tracked.push_back(same);
  const Way moved = rig.send(tcp_packet("10.0.0.2", "203.0.113.6"));
  CHECK(moved.packet.source_port == 40001);
}

TEST_CASE("the identifier of an echo gives way, too") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat), masquerade());
  Connection other;
  other.original = tuple_of(echo_packet("10.0.0.3", "192.0.2.2"));
  other.reply = reversed(tuple_of(echo_packet("192.0.2.1", "192.0.2.2")));
  rig.router.tracked.push_back(other);
  const Way way = rig.send(echo_packet("10.0.0.2", "192.0.2.2"));
  CHECK(way.packet.icmp_id == 78);
  const Way back = rig.answer(way);
  CHECK(back.end == End::delivered);
  CHECK(back.packet.icmp_id == 77);
}

TEST_CASE("random ports are said to be so") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::postrouting, 100, Type::nat),
       masquerade(nat_proto_random_fully));
  CHECK(step(rig.syn_to_server(), Step::What::snat).notes ==
        std::vector<std::string>{"the port is chosen at random"});
}

TEST_CASE("what is not tracked is not translated") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -300, Type::filter, false, "raw"),
       {Notrack{}}, 3);
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat), dnat("192.0.2.2", 80));
  const Way way = rig.syn_to_server();
  CHECK(count(way, Step::What::dnat) == 0);
  CHECK(step(way, Step::What::pass).untracked);
  CHECK(step(way, Step::What::pass).rule->handle == 3);
}

TEST_CASE("behind connection tracking it is too late not to track") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -150, Type::filter, false, "late"),
       {Notrack{}});
  rule(rig.router, chain(rig.router, Hook::prerouting, -100, Type::nat), dnat("192.0.2.2", 80));
  CHECK(count(rig.send(tcp_packet("10.0.0.2", "203.0.113.5", 443)), Step::What::dnat) == 1);
}

TEST_CASE("a chain of type route in output has the way asked for again") {
  Routed rig;
  FakeHost& other = rig.world.add("other");
  rig.world.veth(rig.client, "eth1", other, "eth0");
  rig.client.ip("address add 10.7.0.2/24 dev eth1")
      .ip("route add default via 10.7.0.1 table 9")
      .ip("rule add fwmark 9 lookup 9");
  other.ip("address add 10.7.0.1/24 dev eth0").ip("address add 192.0.2.2/32 dev lo");
  other.listen(core::packet::tcp, 80);
  const ChainId filter = chain(rig.client, Hook::output, -150, Type::filter, false, "filter");
  rule(rig.client, filter, port(81) + mark(9));
  const ChainId route = chain(rig.client, Hook::output, -150, Type::route, false, "route");
  rule(rig.client, route, port(80) + mark(9));
  const Way way = rig.syn_to_server();
  CHECK(story(way) == "send route pass route receive deliver");
  CHECK(way.at.place == FakeWorld::place(other));
  // Of a chain that filters the mark comes too late for the way.
  CHECK(rig.send(tcp_packet("10.0.0.2", "192.0.2.2", 81)).at.place == FakeWorld::place(rig.server));
  CHECK(rig.send(tcp_packet("10.0.0.2", "192.0.2.2", 82), 9).at.place == FakeWorld::place(other));
}

TEST_CASE("marks from prerouting decide the way, and stay behind in the next namespace") {
  Routed rig;
  rule(rig.router, chain(rig.router, Hook::prerouting, -150), mark(5));
  rig.router.ip("rule add fwmark 5 lookup 5").ip("route add blackhole default table 5");
  CHECK(rig.syn_to_server().cause == Cause::blackhole);
  Routed other;
  rule(other.client, chain(other.client, Hook::output, -150), mark(5));
  rule(other.router, chain(other.router, Hook::forward, 0), marked(5) + drops());
  CHECK(other.syn_to_server().end == End::delivered);
}

TEST_CASE("chains of one family do not see the other") {
  Routed rig;
  ChainId six{TableFamily::ip6, "t", "c"};
  rig.router.rules.add({six, Type::filter, Hook::forward, 0, true, {}});
  CHECK(rig.syn_to_server().end == End::delivered);
  ChainId four{TableFamily::ip, "t", "c"};
  rig.router.rules.add({four, Type::filter, Hook::forward, 0, true, {}});
  CHECK(rig.syn_to_server().steps.back().rule->chain == four);
}

TEST_CASE("input and postrouting see what they should") {
  Routed rig;
  rule(rig.server, chain(rig.server, Hook::input, 0), port(80) + drops());
  CHECK(rig.syn_to_server().steps.back().where == "input");
  rule(rig.router, chain(rig.router, Hook::postrouting, 0), port(80) + drops());
  CHECK(rig.syn_to_server().steps.back().where == "postrouting");
  rule(rig.client, chain(rig.client, Hook::output, 0), port(80) + drops());
  CHECK(rig.syn_to_server().steps.back().where == "output");
}

}  // namespace unit::walk_hooks_test
