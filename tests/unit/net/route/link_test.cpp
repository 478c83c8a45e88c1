// Tunnels, next hop objects and routes over them, in a network namespace of the test's own.
#include "net/route/link.hpp"

#include <linux/netlink.h>

#include <string>
#include <tuple>

#include "core/constants.hpp"
#include "core/state/diff.hpp"
#include "net/kernel.hpp"
#include "net/netlink/request.hpp"
#include "net/route/nexthop.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::link_test {

using namespace core;
using net::test::in_namespace;

namespace {

Address address(const std::string& text) { return *Address::parse(text); }

State state() {
  State result;
  Link gpe;
  gpe.name = "pona-gpe";
  gpe.body = GpeTunnel{4790};
  gpe.mtu = 1444;
  result.links[gpe.name] = gpe;
  for (const auto& [id, family, remote] : {std::tuple{1U, Family::ipv4, "10.64.0.21"},
                                           {2U, Family::ipv4, "10.64.0.22"},
                                           {3U, Family::ipv6, "fd00:64::21"}}) {
    Nexthop nexthop;
    nexthop.id = constants::nexthop_base + id;
    nexthop.family = family;
    nexthop.device = gpe.name;
    if (family == Family::ipv6) nexthop.gateway = address("fe80::3");
    nexthop.encapsulation = Encapsulation{117, address(remote)};
    result.nexthops[nexthop.id] = nexthop;
  }
  Nexthop group;
  group.id = constants::nexthop_base + 9;
  group.members = {{constants::nexthop_base + 1, 255}, {constants::nexthop_base + 2, 1}};
  group.buckets = 126;
  group.idle_seconds = 120;
  result.nexthops[group.id] = group;
  const auto route = [&](const std::string& to, std::uint32_t metric, Route::Type type,
                         std::uint32_t nexthop) {
    result.routes.insert({.table = constants::egress_table,
                          .destination = *Prefix::parse(to),
                          .metric = metric,
                          .type = type,
                          .nexthop = nexthop});
  };
  route("203.0.113.0/24", 100, Route::Type::unicast, group.id);
  route("203.0.113.0/24", 9000, Route::Type::unreachable, 0);
  route("10.0.0.0/8", 500, Route::Type::throw_, 0);
  route("2001:db8:f::/64", 100, Route::Type::unicast, constants::nexthop_base + 3);
  route("2001:db8:f::/64", 9000, Route::Type::unreachable, 0);
  route("fc00::/7", 500, Route::Type::throw_, 0);
  result.routes.insert({.table = constants::peers_table,
                        .destination = Prefix::host(address("10.64.0.21")),
                        .device = gpe.name,
                        .encapsulation = Encapsulation{117, address("10.64.0.21")}});
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    result.rules.insert({.family = family, .priority = 1900, .table = constants::egress_table});
    result.rules.insert(
        {.family = family, .priority = 1890, .table = constants::peers_table, .udp_port = 5556});
    result.rules.insert(
        {.family = family, .priority = 2000, .table = constants::peers_table, .iif = "eth0"});
  }
  return result;
}

}  // namespace

TEST_CASE("what is made of tunnels, next hops, routes and rules is what is read back") {
  in_namespace([] {
    Scope scope = client_scope();
    scope.rule_priorities.push_back(constants::nat_rule_priority);
    const auto kernel = net::open_kernel(scope, false);
    const State wanted = state();
    kernel->apply(diff(kernel->observe(wanted), wanted));
    CHECK(kernel->observe(wanted) == wanted);

    SECTION("a group changes its members and weights in place") {
      State other = wanted;
      other.nexthops[constants::nexthop_base + 9].members = {{constants::nexthop_base + 2, 255}};
      const Changes changes = diff(kernel->observe(other), other);
      CHECK(changes.size() == 1);
      kernel->apply(changes);
      CHECK(kernel->observe(other) == other);
    }
    SECTION("a smaller MTU is set in place, a device that is down is set up") {
      State other = wanted;
      other.links["pona-gpe"].mtu = 1300;
      const Changes changes = diff(kernel->observe(other), other);
      REQUIRE(changes.size() == 1);
      CHECK(std::holds_alternative<ChangeLink>(changes.front()));
      kernel->apply(changes);
      CHECK(kernel->observe(other) == other);
    }
    SECTION("all of it goes again") {
      kernel->apply(diff(kernel->observe(wanted), State{}));
      CHECK(kernel->observe(wanted) == State{});
    }
  });
}

TEST_CASE("pitfall 11: a device of the same name that is not pona's is left alone") {
  in_namespace([] {
    net::RequestSocket socket(NETLINK_ROUTE);
    Link gpe = state().links.at("pona-gpe");
    REQUIRE(net::add_link(socket, gpe).ok());
    // Out of the group it is somebody else's.
    net::test::shell("ip link set pona-gpe group 0");
    CHECK(net::read_own_links(socket).ours.empty());
    const net::Answer answer = net::add_link(socket, gpe);
    CHECK(answer.error == EEXIST);
    CHECK(answer.details.find("not pona's") != std::string::npos);
  });
}

}  // namespace unit::link_test
