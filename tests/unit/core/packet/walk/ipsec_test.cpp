// IPsec policies and transparent proxies: what is certain, and what is an assumption.
#include "core/packet/walk/ipsec.hpp"

#include "unit/core/packet/walk/walk_rig.hpp"

namespace unit::walk_ipsec_test {

using namespace walk_rig;

namespace {

IpsecPolicy policy(IpsecPolicy::Direction direction, const std::string& from,
                   const std::string& to) {
  IpsecPolicy one;
  one.direction = direction;
  one.source = core::Prefix::parse(from).value();
  one.destination = core::Prefix::parse(to).value();
  one.text = "src " + from + " dst " + to;
  return one;
}
IpsecPolicy tunnel() {
  IpsecPolicy one = policy(IpsecPolicy::Direction::out, "10.0.0.0/24", "192.0.2.0/24");
  one.transforms = true;
  one.remote = address("203.0.113.9");
  return one;
}
std::string assumed(const Routed& rig) {
  std::string text;
  for (const Assumption& one : rig.walker.assumptions()) text += one.where + ": " + one.text + "\n";
  return text;
}

}  // namespace

TEST_CASE("what an IPsec policy takes leaves inside IPsec, and that is said") {
  Routed rig;
  rig.router.policies = {tunnel()};
  const Way way = rig.syn_to_server();
  CHECK(way.end == End::left);
  CHECK(way.at.place == FakeWorld::place(rig.router));
  CHECK(way.steps.back().text == "leaves inside IPsec to 203.0.113.9");
  CHECK(assumed(rig) ==
        "router: out: the IPsec policy \"src 10.0.0.0/24 dst 192.0.2.0/24\" takes it, and what "
        "becomes of it inside IPsec is not followed\n");
  // An interface that is excepted, another flow, a tunnel without keys.
  rig.router.set("net/ipv4/conf/out/disable_xfrm", 1);
  CHECK(rig.syn_to_server().end == End::delivered);
  rig.router.set("net/ipv4/conf/out/disable_xfrm", 0);
  rig.router.policies[0].protocol = core::packet::udp;
  CHECK(rig.syn_to_server().end == End::delivered);
  CHECK(rig.send(udp_packet("10.0.0.2", "192.0.2.2")).end == End::left);
  rig.router.policies[0] = tunnel();
  rig.router.policies[0].has_state = false;
  rig.syn_to_server();
  CHECK(assumed(rig).find("no security association") != std::string::npos);
}

TEST_CASE("a policy that blocks does, whichever way the packet goes") {
  using Direction = IpsecPolicy::Direction;
  for (const Direction direction : {Direction::out, Direction::forward}) {
    Routed rig;
    IpsecPolicy block = policy(direction, "10.0.0.0/24", "192.0.2.0/24");
    block.blocks = true;
    block.priority = 10;
    rig.router.policies = {block};
    const Way way = rig.syn_to_server();
    CHECK(way.cause == Cause::ipsec);
    CHECK(way.steps.back().text.starts_with("an IPsec policy blocks it: src 10.0.0.0/24"));
    // The lower number is asked first.
    IpsecPolicy pass = block;
    pass.blocks = false;
    pass.priority = 5;
    rig.router.policies.push_back(pass);
    CHECK(rig.syn_to_server().end == End::delivered);
  }
  Routed rig;
  IpsecPolicy block = policy(Direction::in, "10.0.0.0/24", "192.0.2.0/24");
  block.blocks = true;
  rig.server.policies = {block};
  CHECK(rig.syn_to_server().cause == Cause::ipsec);
}

TEST_CASE("what is to come inside IPsec is assumed to do so") {
  Routed rig;
  IpsecPolicy in = policy(IpsecPolicy::Direction::forward, "10.0.0.0/24", "192.0.2.0/24");
  in.transforms = true;
  rig.router.policies = {in};
  CHECK(rig.syn_to_server().end == End::delivered);
  CHECK(assumed(rig).find("assumed that this does") != std::string::npos);
}

TEST_CASE("policies: ports, marks, devices, in their order") {
  std::vector<IpsecPolicy> all = {tunnel()};
  const Packet packet = tcp_packet("10.0.0.2", "192.0.2.2", 443);
  const auto found = [&](std::uint32_t device = 1, std::uint32_t mark = 0) {
    return find_policy(all, IpsecPolicy::Direction::out, packet, device, mark) != nullptr;
  };
  CHECK(found());
  all[0].destination_port = 443;
  all[0].destination_port_mask = 0xffff;
  CHECK(found());
  all[0].destination_port = 80;
  CHECK(!found());
  all[0] = tunnel();
  all[0].device = 2;
  CHECK(!found());
  CHECK(found(2));
  all[0] = tunnel();
  all[0].mark = 7;
  all[0].mark_mask = 0xf;
  CHECK(!found());
  CHECK(found(1, 0x17));
}

namespace {

// Marks what is for port 80, and gives it to a proxy on port 50080.
void add_tproxy(Routed& rig) {
  std::vector<Expression> expressions = port(80) + mark(1);
  expressions.emplace_back(Immediate{16, be16(50080)});
  expressions.emplace_back(Tproxy{0, {}, 16});
  rule(rig.router, chain(rig.router, Hook::prerouting, -150), expressions + accepts());
}

}  // namespace

TEST_CASE("a transparent proxy takes what a rule gives to it, and answers as the other one") {
  Routed rig;
  add_tproxy(rig);
  rig.router.ip("rule add priority 10 fwmark 1 lookup 100")
      .ip("route add local 0.0.0.0/0 dev lo table 100");
  rig.router.socket = FoundSocket{true, true, true, 0};
  const Way way = rig.syn_to_server();
  INFO(story(way));
  CHECK(way.end == End::delivered);
  CHECK(way.at.place == FakeWorld::place(rig.router));
  CHECK(way.steps.back().text == "to the transparent proxy on port 50080");
  CHECK(rig.walker.assumptions().empty());
  CHECK(rig.answer(way).end == End::delivered);
}

TEST_CASE("a transparent proxy without its routing rule, without a socket, or not known") {
  Routed rig;
  add_tproxy(rig);
  rig.router.socket = FoundSocket{true, true, true, 0};
  CHECK(rig.syn_to_server().cause == Cause::proxy_unrouted);
  rig.router.socket = FoundSocket{true, false, true, 0};
  CHECK(rig.syn_to_server().end == End::delivered);
  rig.router.socket = FoundSocket{};
  CHECK(rig.syn_to_server().end == End::delivered);
  CHECK(rig.choices.taken().empty());
  rig.router.socket.reset();
  CHECK(rig.syn_to_server().end == End::delivered);
  REQUIRE(rig.choices.taken().size() == 1);
  CHECK(rig.choices.taken().front().fork.kind == Fork::Kind::assumption);
}

TEST_CASE("rules that ask for the socket of a packet") {
  Routed rig;
  const ChainId id = chain(rig.router, Hook::prerouting, -150);
  const std::vector<Expression> transparent = {Socket{socket_transparent, 0, 0},
                                               packet_rig::equals({1})};
  rule(rig.router, id, transparent + drops());
  rig.router.socket = FoundSocket{};
  CHECK(rig.syn_to_server().end == End::delivered);
  rig.router.socket = FoundSocket{true, false, false, 0};
  CHECK(rig.syn_to_server().end == End::delivered);
  rig.router.socket = FoundSocket{true, true, false, 0};
  CHECK(rig.syn_to_server().cause == Cause::rule_drop);
}

}  // namespace unit::walk_ipsec_test
