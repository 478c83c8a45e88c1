// Which way replies go: the numbers of external interfaces, and the table of each.
#include "core/edge/tables/reply_routes.hpp"

#include <set>

#include "core/constants.hpp"
#include "core/edge/plan_edge.hpp"
#include "core/edge/tables/edge_marks.hpp"
#include "core/state/scope.hpp"
#include "support/catch.hpp"

namespace unit::reply_routes_test {

using namespace core;

namespace {

Prefix prefix(const std::string& text) { return *Prefix::parse(text); }
Address address(const std::string& text) { return *Address::parse(text); }

EdgeSettings settings(const std::string& external = "^eth1$") {
  EdgeSettings result;
  result.external_interfaces = external;
  return result;
}

Interface interface(const std::string& name, const std::vector<std::string>& addresses) {
  Interface result;
  result.name = name;
  result.index = 3;
  result.up = true;
  for (const std::string& text : addresses) result.addresses.push_back(prefix(text));
  return result;
}

Host with(const Interface& one) {
  Host host;
  host.interfaces[one.name] = one;
  return host;
}

std::vector<std::string> routes_of(const Host& host, const EdgeSettings& options = settings()) {
  State state;
  const auto external = find_external(host, options);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    add_reply_routes(state, family, host, options, external);
  }
  std::vector<std::string> result;
  for (const Route& route : state.routes) result.push_back(to_text(route));
  return result;
}

std::vector<std::string> warnings_of(const Host& host, const EdgeSettings& options = settings()) {
  return uplink_warnings(host, options, find_external(host, options));
}

Host many(std::uint32_t count) {
  Host host;
  for (std::uint32_t i = 1; i <= count; ++i) {
    Interface one = interface("eth1." + std::to_string(i), {"192.0.2.2/24"});
    one.index = 2 * i;  // numbers clash
    host.interfaces[one.name] = one;
  }
  return host;
}

}  // namespace

TEST_CASE("replies follow main's routes by the interface, in both families") {
  Interface eth1 = interface("eth1", {"198.51.100.1/24", "2001:db8:1::1/64"});
  eth1.gateway4 = address("198.51.100.200");
  eth1.default4 = true;
  eth1.routes = {{prefix("198.51.100.0/24"), {}},
                 {prefix("192.0.2.0/24"), address("198.51.100.254")},
                 {prefix("192.0.2.0/24"), address("198.51.100.253")},  // of a worse metric
                 {prefix("203.0.113.7/32"), {}},
                 {prefix("2001:db8:9::/64"), address("2001:db8:1::fe")}};
  CHECK(routes_of(with(eth1)) ==
        std::vector<std::string>{
            "default via 198.51.100.200 dev eth1 table 11203 proto 112",
            "192.0.2.0/24 via 198.51.100.254 dev eth1 table 11203 proto 112",
            "198.51.100.0/24 dev eth1 table 11203 proto 112",
            "203.0.113.7/32 dev eth1 table 11203 proto 112",
            "2001:db8:1::/64 dev eth1 table 11203 proto 112",
            "2001:db8:9::/64 via 2001:db8:1::fe dev eth1 table 11203 proto 112"});
}

TEST_CASE("in a subnet of two the next hop is the other one") {
  for (const int offset : {1, -1, 254}) {
    CHECK(gateway_of(interface("eth1", {"192.0.2.0/31"}), Family::ipv4, offset) ==
          address("192.0.2.1"));
    CHECK(gateway_of(interface("eth1", {"192.0.2.1/31"}), Family::ipv4, offset) ==
          address("192.0.2.0"));
    CHECK(gateway_of(interface("eth1", {"2001:db8::1/127"}), Family::ipv6, offset) ==
          address("2001:db8::"));
  }
  CHECK_FALSE(gateway_of(interface("eth1", {"192.0.2.1/32"}), Family::ipv4, 1));
}

TEST_CASE("an address of an interface that is down is the host's in IPv4, not in IPv6") {
  Interface eth1 = interface("eth1", {"203.0.113.10/24", "2001:db8::10/64"});
  CHECK(with(eth1).is_local(address("2001:db8::10")));
  eth1.up = false;
  CHECK(with(eth1).is_local(address("203.0.113.10")));
  CHECK_FALSE(with(eth1).is_local(address("2001:db8::10")));
  CHECK_FALSE(with(eth1).is_local(address("203.0.113.11")));
}

TEST_CASE("by a point-to-point interface everything is on link") {
  Interface tun = interface("eth1", {"10.8.0.2/32"});
  tun.point_to_point = true;
  tun.routes = {{prefix("10.8.0.1/32"), {}}};
  CHECK(routes_of(with(tun)) ==
        std::vector<std::string>{"default dev eth1 table 11203 proto 112",
                                 "10.8.0.1/32 dev eth1 table 11203 proto 112"});
  CHECK(warnings_of(with(tun)).empty());
  tun.addresses = {prefix("10.8.0.2/24")};
  CHECK(routes_of(with(tun)).front() == "default dev eth1 table 11203 proto 112");
}

TEST_CASE("an uplink whose clients get no answers is told") {
  // The offset's address is the host's own; a single address.
  for (const char* own : {"192.0.2.1/30", "192.0.2.1/32"}) {
    const auto warnings = warnings_of(with(interface("eth1", {own})));
    REQUIRE(warnings.size() == 1);
    CHECK_THAT(warnings[0],
               Catch::Contains("eth1 has no next hop for IPv4") && Catch::Contains(own));
  }
  Interface routed = interface("eth1", {"192.0.2.1/32"});
  routed.gateway4 = address("198.51.100.1");
  routed.default4 = true;
  CHECK(warnings_of(with(routed)).empty());
  CHECK(warnings_of(with(interface("eth1", {"192.0.2.2/30", "fe80::1/64"}))).empty());
  Interface down = interface("eth1", {"192.0.2.1/30"});
  down.up = false;
  CHECK(warnings_of(with(down)).empty());
}

TEST_CASE("255 external interfaces have numbers of their own, more are told") {
  const EdgeSettings options = settings("^eth1[.]");
  const Host host = many(255);
  const auto external = find_external(host, options);
  REQUIRE(external.size() == 255);
  const EdgeMarks marks(options.mark_mask);
  std::set<std::uint32_t> numbers;
  std::set<std::uint32_t> bits;
  for (const ExternalInterface& one : external) {
    CHECK(one.number >= 1);
    CHECK(one.number <= 255);
    numbers.insert(one.number);
    bits.insert(marks.interface(one.number));
    CHECK((marks.interface(one.number) & ~marks.interface_mask) == 0);
    CHECK(edge_scope().has_table(constants::edge_route_table_base + one.number));
  }
  CHECK(numbers.size() == 255);
  CHECK(bits.size() == 255);
  CHECK_FALSE(bits.contains(0));
  CHECK(warnings_of(host, options).empty());

  const auto told = warnings_of(many(260), options);
  REQUIRE(told.size() == 1);
  CHECK_THAT(told[0], Catch::Contains("260 interfaces match") && Catch::Contains("for 255"));
}

TEST_CASE(
    "the first 63 interfaces keep the numbers and marks that they had when there were no more") {
  const EdgeSettings options = settings("^eth1[.]");
  EdgeSettings old = options;
  old.mark_mask = 0x1fe00000;  // the default then
  const EdgeMarks before(old.mark_mask);
  const EdgeMarks now(options.mark_mask);
  CHECK(now.action_mask == before.action_mask);
  const auto had = find_external(many(63), old);
  const auto have = find_external(many(200), options);
  for (std::size_t i = 0; i < had.size(); ++i) {
    CHECK(have[i].number == had[i].number);
    CHECK(now.interface(have[i].number) == before.interface(had[i].number));
  }
  CHECK(warnings_of(many(64), old).size() == 1);
}

TEST_CASE("with a mask of one's own, numbers follow from indexes as they always did") {
  EdgeSettings options = settings("^eth1[.]");
  options.mark_mask = 0x3ff00000;
  const Host host = many(200);
  const auto external = find_external(host, options);
  REQUIRE(external.size() == 200);
  for (const ExternalInterface& one : external) {
    CHECK(one.number == (host.interfaces.at(one.name).index - 1) % 255 + 1);
  }
}

}  // namespace unit::reply_routes_test
