// Messages as Linux 6.18 listed them: tests/data/packet/view has a namespace with links of several
// kinds, addresses, routes, rules, neighbours and connections.
#include "net/view/decode.hpp"

#include <fstream>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/net/bytes.hpp"

namespace unit::view_decode_test {

using namespace core::packet;
using core::Address;
using core::Family;
using core::Prefix;
using net::NetlinkMessage;
using net::test::first_message;
using net::test::from_hex;

namespace {

template <typename Value>
std::vector<Value> all(const std::string& kind,
                       std::optional<Value> (*decode)(const NetlinkMessage&)) {
  std::vector<std::string> texts;
  bool wanted = false;
  std::ifstream file(std::string(PONA_TEST_DATA) + "/packet/view");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("  ")) {
      wanted = line == kind;
      if (wanted) texts.emplace_back();
    } else if (wanted) {
      texts.back() += line;
    }
  }
  std::vector<Value> result;
  for (const std::string& text : texts) {
    const std::vector<std::uint8_t> bytes = from_hex(text);
    auto value = decode(first_message(bytes));
    REQUIRE(value);
    result.push_back(std::move(*value));
    // Cut off anywhere it is nothing, or a part; it never reads behind its end.
    for (std::size_t length = 16; length < bytes.size(); ++length) {
      const std::vector<std::uint8_t> part(bytes.begin(),
                                           bytes.begin() + static_cast<std::ptrdiff_t>(length));
      NetlinkMessage cut = first_message(bytes);
      cut.bytes = net::ByteView(part);
      static_cast<void>(decode(cut));
    }
  }
  REQUIRE(!result.empty());
  return result;
}

Address address(std::string_view text) { return Address::parse(text).value(); }
Prefix prefix(std::string_view text) { return Prefix::parse(text).value(); }

Link link_named(const std::string& name) {
  for (const Link& link : all(std::string("link"), net::view::decode_link)) {
    if (link.device.name == name) return link;
  }
  FAIL("no link " << name);
  return {};
}

std::optional<ListedRoute> route_to(const std::string& to, std::uint32_t table = 254) {
  for (const ListedRoute& route : all(std::string("route"), net::view::decode_route)) {
    if (route.destination == prefix(to) && route.table == table) return route;
  }
  return std::nullopt;
}

ListedRule rule_at(std::uint32_t priority) {
  for (const ListedRule& rule : all(std::string("rule"), net::view::decode_rule)) {
    if (rule.priority == priority) return rule;
  }
  FAIL("no rule " << priority);
  return {};
}

}  // namespace

TEST_CASE("links: what they are, and what they belong to") {
  const Link lo = link_named("lo");
  CHECK(lo.loopback);
  CHECK(lo.up);
  CHECK(lo.mtu == 65536);
  const Link eth0 = link_named("eth0");
  CHECK(eth0.device.kind == "veth");
  CHECK(eth0.mtu == 1450);
  CHECK(eth0.up);
  CHECK(eth0.carrier);
  CHECK(!eth0.loopback);
  CHECK(eth0.mac == Bytes{2, 0, 0, 0, 0, 1});
  CHECK(eth0.lower != 0);
  CHECK(eth0.lower_netns);
  CHECK(!eth0.tunnel);
  CHECK(!eth0.xdp);
  const Link bridge = link_named("br0");
  CHECK(bridge.device.kind == "bridge");
  CHECK(!bridge.up);
  const Link port = link_named("p0");
  CHECK(port.master == bridge.device.index);
  CHECK(port.lower == link_named("p1").device.index);
  CHECK(!port.lower_netns);
}

TEST_CASE("tunnels: what they put around a packet") {
  const Link vxlan = link_named("vx");
  REQUIRE(vxlan.tunnel);
  CHECK(vxlan.tunnel->kind == TunnelLink::Kind::vxlan);
  CHECK(vxlan.tunnel->vni == 7);
  CHECK(vxlan.tunnel->port == 4789);
  CHECK(vxlan.tunnel->local == address("192.0.2.1"));
  CHECK(vxlan.tunnel->remote == address("192.0.2.2"));
  CHECK(!vxlan.tunnel->external);
  const Link gpe = link_named("gpe");
  REQUIRE(gpe.tunnel);
  CHECK(gpe.tunnel->kind == TunnelLink::Kind::vxlan_gpe);
  CHECK(gpe.tunnel->port == 4790);
  CHECK(gpe.tunnel->external);
  CHECK(!gpe.tunnel->remote);
  CHECK(gpe.mac.empty());
}

TEST_CASE("addresses, the second one of a subnet marked") {
  const std::uint32_t eth0 = link_named("eth0").device.index;
  bool first = false;
  bool second = false;
  bool six = false;
  for (const auto& one : all(std::string("address"), net::view::decode_address)) {
    if (one.link != eth0) continue;
    first = first || one.address == LinkAddress{prefix("192.0.2.1/24"), false, false, false};
    second = second || one.address == LinkAddress{prefix("192.0.2.7/24"), true, false, false};
    six = six || one.address == LinkAddress{prefix("2001:db8::1/64"), false, false, false};
  }
  CHECK(first);
  CHECK(second);
  CHECK(six);
}

TEST_CASE("neighbours") {
  const auto state_of = [](const std::string& text) {
    for (const auto& one : all(std::string("neighbour"), net::view::decode_neighbour)) {
      if (one.address == address(text)) return one.neighbour;
    }
    return Neighbour();
  };
  CHECK(state_of("192.0.2.2") == Neighbour{Neighbour::State::usable, {2, 0, 0, 0, 0, 9}});
  CHECK(state_of("192.0.2.3").state == Neighbour::State::failed);
  CHECK(state_of("2001:db8::2") == Neighbour{Neighbour::State::usable, {2, 0, 0, 0, 0, 10}});
}

TEST_CASE("routes") {
  const std::uint32_t eth0 = link_named("eth0").device.index;
  const auto any = route_to("0.0.0.0/0");
  REQUIRE(any);
  CHECK(any->gateway == address("192.0.2.254"));
  CHECK(any->device == eth0);
  CHECK(any->text == "default via 192.0.2.254 dev #" + std::to_string(eth0));
  CHECK(route_to("10.1.0.0/16").value().type == 6);
  CHECK(route_to("10.1.0.0/16").value().text == "blackhole 10.1.0.0/16");
  CHECK(route_to("10.2.0.0/16").value().type == 7);
  CHECK(route_to("10.2.0.0/16").value().metric == 7);
  CHECK(route_to("10.3.0.0/16", 77).value().type == 8);
  CHECK(route_to("10.3.0.0/16", 77).value().text == "prohibit 10.3.0.0/16 table 77");
  CHECK(route_to("10.5.0.0/16", 77).value().type == 9);
  const auto narrow = route_to("10.4.0.0/16");
  REQUIRE(narrow);
  CHECK(narrow->mtu == 1400);
  CHECK(narrow->source == address("192.0.2.7"));
  const auto own = route_to("192.0.2.1/32", 255);
  REQUIRE(own);
  CHECK(own->type == 2);
  CHECK(own->text == "local 192.0.2.1 dev #" + std::to_string(eth0) + " table local src 192.0.2.1");
  const auto six = route_to("2001:db8:5::/48");
  REQUIRE(six);
  CHECK(six->gateway == address("2001:db8::2"));
  CHECK(six->metric == 300);
}

TEST_CASE("a route into an external tunnel has the other end") {
  bool found = false;
  for (const RouteAnswer& one : all(std::string("route"), net::view::decode_route_answer)) {
    if (!one.encap_remote) continue;
    found = true;
    CHECK(one.encap_remote == address("192.0.2.9"));
    CHECK(one.encap_local == address("192.0.2.1"));
    CHECK(one.encap_id == 5);
    CHECK(one.device == link_named("gpe").device.index);
  }
  CHECK(found);
}

TEST_CASE("rules") {
  const ListedRule full = rule_at(100);
  CHECK(full.family == Family::ipv4);
  CHECK(full.source == prefix("10.0.0.0/8"));
  CHECK(full.destination == prefix("192.0.2.0/24"));
  CHECK(full.mark == 0x10);
  CHECK(full.mark_mask == 0xf0);
  CHECK(full.in == "eth0");
  CHECK(full.table == 77);
  CHECK(full.text == "100: from 10.0.0.0/8 to 192.0.2.0/24 fwmark 0x10/0xf0 iif eth0 lookup 77");
  const ListedRule inverted = rule_at(101);
  CHECK(inverted.inverted);
  CHECK(inverted.mark == 7);
  CHECK(inverted.mark_mask == 0xffffffff);
  const ListedRule user = rule_at(102);
  CHECK(user.uids == std::pair(1000U, 1999U));
  CHECK(user.protocol == 17);
  CHECK(user.destination_ports == core::PortRange{53, 53});
  CHECK(!user.source_ports);
  CHECK(rule_at(103).suppress_length == 0);
  CHECK(!rule_at(102).suppress_length);
  CHECK(rule_at(104).action == 6);
  CHECK(rule_at(104).text == "104: from 10.9.0.0/16 blackhole");
  const ListedRule six = rule_at(105);
  CHECK(six.family == Family::ipv6);
  CHECK(six.out == "eth0");
  CHECK(six.source_ports == core::PortRange{1, 100});
  CHECK(six.tos == 8);
  CHECK(six.action == 8);
}

TEST_CASE("what else a rule asks for is told, too") {
  CHECK(rule_at(102).text == "102: from all ipproto udp dport 53 uidrange 1000-1999 lookup 79");
  CHECK(rule_at(103).text.ends_with(" suppress_prefixlength 0"));
}

TEST_CASE("connections of each protocol") {
  const auto connections = all(std::string("connection"), net::view::decode_connection);
  const auto of = [&](std::uint8_t protocol) {
    for (const Connection& one : connections) {
      if (one.original.protocol == protocol) return one;
    }
    return Connection();
  };
  const Connection tcp_one = of(tcp);
  CHECK(to_text(tcp_one.original) == "tcp 10.0.0.1:40000 > 203.0.113.5:443");
  CHECK(to_text(tcp_one.reply) == "tcp 10.244.0.5:8443 > 10.0.0.1:40000");
  CHECK(tcp_one.tcp_state == 3);
  CHECK(tcp_one.mark == 5);
  CHECK(tcp_one.id != 0);
  CHECK(tcp_one.in_kernel);
  CHECK(tcp_one.status == (1U << 2 | 1U << 3));  // assured, confirmed
  CHECK(tcp_one.timeout <= 100);
  const Connection six = of(udp);
  CHECK(six.original.source == address("2001:db8::1"));
  CHECK(six.original.destination_port == 53);
  const Connection echo = of(icmp);
  CHECK(echo.original.source_port == 77);
  CHECK(echo.original.destination_port == 77);
  CHECK(echo.reply.source_port == 77);
}

TEST_CASE("messages of other types are nothing") {
  const auto bytes = from_hex("1000000003000000000000000000000000");
  const NetlinkMessage message = first_message(bytes);
  CHECK(!net::view::decode_link(message));
  CHECK(!net::view::decode_route(message));
  CHECK(!net::view::decode_connection(message));
}

}  // namespace unit::view_decode_test
