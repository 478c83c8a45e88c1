// Rules and routes as listed, looked up as the kernel does it.
#include "core/packet/walk/route_table.hpp"

#include <cerrno>

#include "support/catch.hpp"

namespace unit::walk_route_table_test {

using namespace core::packet;
using core::Address;
using core::Family;
using core::Prefix;

namespace {

ListedRoute to(const std::string& prefix, std::uint32_t device, std::uint32_t table = 254,
               std::uint8_t type = 1) {
  ListedRoute route;
  route.destination = Prefix::parse(prefix).value();
  route.device = device;
  route.table = table;
  route.type = type;
  route.text = prefix;
  return route;
}
ListedRule at(std::uint32_t priority, std::uint32_t table) {
  ListedRule rule;
  rule.priority = priority;
  rule.table = table;
  rule.text = std::to_string(priority);
  return rule;
}
RouteQuery query(const std::string& destination, const std::string& source = "") {
  RouteQuery result;
  result.destination = Address::parse(destination).value();
  if (!source.empty()) result.source = Address::parse(source);
  return result;
}

struct Tables : RouteTables {
  Tables() { rules = {at(32766, 254)}; }
  ListedRule& first(std::uint32_t table) { return *rules.insert(rules.begin(), at(100, table)); }
  [[nodiscard]] std::uint32_t device(const RouteQuery& asked, const std::string& in = "",
                                     const std::string& out = "") const {
    const RouteAnswer answer = look_up(asked, in, out);
    return answer.error == 0 ? answer.device : 0;
  }
};

}  // namespace

TEST_CASE("the longest prefix, then the lowest metric, then the first") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("10.0.0.0/8", 2), to("10.1.0.0/16", 3),
                   to("10.1.0.0/16", 4)};
  CHECK(tables.device(query("192.0.2.1")) == 1);
  CHECK(tables.device(query("10.2.0.1")) == 2);
  CHECK(tables.device(query("10.1.0.1")) == 3);
  tables.routes[2].metric = 100;
  CHECK(tables.device(query("10.1.0.1")) == 4);
  tables.routes[2].tos = 0x10;
  RouteQuery with_tos = query("10.1.0.1");
  CHECK(tables.device(with_tos) == 4);
  with_tos.tos = 0x10;
  CHECK(tables.device(with_tos) == 3);
  with_tos.out = 2;
  CHECK(tables.device(with_tos) == 2);
}

TEST_CASE("no route at all") {
  const Tables tables;
  const RouteAnswer answer = tables.look_up(query("10.0.0.1"), "", "");
  CHECK(answer.error == ENETUNREACH);
  CHECK(answer.type == 0);
  CHECK(answer.text.empty());
}

TEST_CASE("families are apart") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("::/0", 2)};
  CHECK(tables.device(query("2001:db8::1")) == 0);
  tables.rules.push_back(at(32766, 254));
  tables.rules.back().family = Family::ipv6;
  CHECK(tables.device(query("2001:db8::1")) == 2);
  CHECK(tables.device(query("10.0.0.1")) == 1);
}

TEST_CASE("rules by source, destination, mark, interface, protocol and ports") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("0.0.0.0/0", 2, 7)};
  ListedRule& rule = tables.first(7);
  const ListedRule plain = rule;
  rule.source = Prefix::parse("10.0.0.0/8");
  CHECK(tables.device(query("192.0.2.1", "10.0.0.1")) == 2);
  CHECK(tables.device(query("192.0.2.1", "11.0.0.1")) == 1);
  CHECK(tables.device(query("192.0.2.1")) == 1);
  rule = plain;
  rule.destination = Prefix::parse("192.0.2.0/24");
  CHECK(tables.device(query("192.0.2.1")) == 2);
  CHECK(tables.device(query("192.0.3.1")) == 1);
  rule = plain;
  rule.mark = 0x10;
  rule.mark_mask = 0xf0;
  RouteQuery asked = query("192.0.2.1");
  CHECK(tables.device(asked) == 1);
  asked.mark = 0x1f;
  CHECK(tables.device(asked) == 2);
  rule.mark = 0;  // without the bits
  CHECK(tables.device(asked) == 1);
  rule = plain;
  rule.in = "eth0";
  asked.in = 5;
  CHECK(tables.device(asked, "eth0") == 2);
  CHECK(tables.device(asked, "eth1") == 1);
  rule.in = "lo";
  CHECK(tables.device(asked, "eth0") == 1);
  asked.in = 0;
  CHECK(tables.device(asked) == 2);
  rule = plain;
  rule.out = "eth9";
  CHECK(tables.device(asked) == 1);
  CHECK(tables.device(asked, "", "eth9") == 2);
  rule = plain;
  rule.protocol = 17;
  rule.source_ports = core::PortRange{1, 100};
  rule.destination_ports = core::PortRange{53, 53};
  CHECK(tables.device(asked) == 1);
  asked.protocol = 17;
  asked.source_port = 100;
  asked.destination_port = 53;
  CHECK(tables.device(asked) == 2);
  asked.source_port = 101;
  CHECK(tables.device(asked) == 1);
  rule = plain;
  rule.tos = 8;
  CHECK(tables.device(asked) == 1);
  asked.tos = 8;
  CHECK(tables.device(asked) == 2);
}

TEST_CASE("an inverted rule is for the others") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("0.0.0.0/0", 2, 7)};
  ListedRule& rule = tables.first(7);
  rule.mark = 7;
  rule.mark_mask = 0xffffffff;
  rule.inverted = true;
  RouteQuery asked = query("192.0.2.1");
  CHECK(tables.device(asked) == 2);
  asked.mark = 7;
  CHECK(tables.device(asked) == 1);
}

TEST_CASE("users, of whom root is who is nobody") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("0.0.0.0/0", 2, 7)};
  tables.first(7).uids = {1000, 1999};
  RouteQuery asked = query("192.0.2.1");
  CHECK(tables.device(asked) == 1);
  asked.uid = 1999;
  CHECK(tables.device(asked) == 2);
  tables.rules.front().uids = {0, 0};
  CHECK(tables.device(asked) == 1);
  asked.uid.reset();
  CHECK(tables.device(asked) == 2);
}

TEST_CASE("rules that refuse, and routes that do") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1)};
  ListedRule& rule = tables.first(0);
  rule.action = 6;
  CHECK(tables.look_up(query("192.0.2.1"), "", "").error == EINVAL);
  CHECK(tables.look_up(query("192.0.2.1"), "", "").type == 6);
  CHECK(tables.look_up(query("192.0.2.1"), "", "").text == "rule 100");
  rule.action = 8;
  CHECK(tables.look_up(query("192.0.2.1"), "", "").error == EACCES);
  // Other than a route (fib4_rule_action).
  rule.action = 7;
  CHECK(tables.look_up(query("192.0.2.1"), "", "").error == ENETUNREACH);
  CHECK(tables.look_up(query("192.0.2.1"), "", "").type == 7);
  tables.rules.erase(tables.rules.begin());
  const std::pair<std::uint8_t, int> refusals[] = {{6, EINVAL}, {7, EHOSTUNREACH}, {8, EACCES}};
  for (const auto& [type, error] : refusals) {
    tables.routes = {to("0.0.0.0/0", 1), to("10.0.0.0/8", 0, 254, type)};
    const RouteAnswer answer = tables.look_up(query("10.0.0.1"), "", "");
    CHECK(answer.error == error);
    CHECK(answer.type == type);
    CHECK(answer.text == "10.0.0.0/8");
  }
}

TEST_CASE("a goto leads to the rules of a priority, if there are any") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("0.0.0.0/0", 2, 7), to("0.0.0.0/0", 3, 8)};
  tables.rules = {at(100, 0), at(200, 7), at(300, 8), at(32766, 254)};
  tables.rules[0].action = 2;
  tables.rules[0].target = 300;
  CHECK(tables.device(query("192.0.2.1")) == 3);
  tables.rules[0].target = 250;
  CHECK(tables.device(query("192.0.2.1")) == 2);
  tables.rules[0].target = 32766;
  tables.rules[0].mark = tables.rules[0].mark_mask = 1;
  CHECK(tables.device(query("192.0.2.1")) == 2);
  RouteQuery marked = query("192.0.2.1");
  marked.mark = 1;
  CHECK(tables.device(marked) == 1);
}

TEST_CASE("the rule of VRFs leads into the table of the VRF that the device belongs to") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("10.0.0.0/8", 2, 50)};
  tables.first(0).l3mdev = true;
  CHECK(tables.device(query("10.0.0.1")) == 1);
  CHECK(tables.look_up(query("10.0.0.1"), "eth0", "", 50).device == 2);
  CHECK(tables.look_up(query("192.0.2.1"), "eth0", "", 50).device == 1);
}

TEST_CASE("a throw route and an empty table lead to the next rule") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("10.0.0.0/8", 0, 7, 9), to("0.0.0.0/0", 2, 7)};
  tables.first(7);
  CHECK(tables.device(query("10.0.0.1")) == 1);
  CHECK(tables.device(query("11.0.0.1")) == 2);
  tables.first(8);
  CHECK(tables.device(query("11.0.0.1")) == 2);
}

TEST_CASE("short prefixes are passed over where a rule says so, refusals are not") {
  Tables tables;
  tables.routes = {to("0.0.0.0/0", 1), to("0.0.0.0/0", 2, 7), to("10.0.0.0/8", 3, 7)};
  tables.first(7).suppress_length = 0;
  CHECK(tables.device(query("10.0.0.1")) == 3);
  CHECK(tables.device(query("192.0.2.1")) == 1);
  tables.rules.front().suppress_length = 8;
  CHECK(tables.device(query("10.0.0.1")) == 1);
  tables.routes[1].type = 7;
  CHECK(tables.look_up(query("192.0.2.1"), "", "").error == EHOSTUNREACH);
}

TEST_CASE("the answer has what the route has") {
  Tables tables;
  ListedRoute route = to("10.0.0.0/8", 4);
  route.gateway = Address::parse("192.0.2.1");
  route.source = Address::parse("192.0.2.7");
  route.mtu = 1400;
  tables.routes = {route};
  const RouteAnswer answer = tables.look_up(query("10.0.0.1"), "", "");
  CHECK(answer.gateway == route.gateway);
  CHECK(answer.source == route.source);
  CHECK(answer.mtu == 1400);
  CHECK(answer.table == 254);
  CHECK(answer.type == 1);
}

}  // namespace unit::walk_route_table_test
