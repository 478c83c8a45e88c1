#include "net/route/route.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cerrno>

#include "core/constants.hpp"
#include "support/catch.hpp"
#include "unit/net/bytes.hpp"
#include "unit/net/namespace.hpp"

namespace unit::route_test {

using core::Address;
using core::Prefix;
using net::KernelRoute;
using net::test::first_message;
using net::test::from_hex;
using net::test::in_namespace;
using net::test::shell;

namespace {

constexpr std::uint32_t table = core::constants::edge_route_table_base + 1;

core::Route route(const char* destination, const char* gateway) {
  return {.table = table,
          .destination = *Prefix::parse(destination),
          .gateway = gateway != nullptr ? Address::parse(gateway) : std::nullopt,
          .device = "ext1"};
}

void make_ext1() {
  shell(
      "ip link add ext1 type veth peer name peer1; ip link set ext1 up; ip link set peer1 up;"
      "ip addr add 192.0.2.2/24 dev ext1; ip addr add 2001:db8::2/64 dev ext1 nodad");
}

}  // namespace

TEST_CASE("a route is read as the kernel sent it") {
  struct Row {
    const char* hex;
    KernelRoute expected;
  };
  const Row rows[] = {
      // ip route add default via 192.0.2.1 dev ext1 table 11201 proto 112
      {"3400000018000200000000000000000002000000fc7000010000000008000f00c12b000008000500c0000201"
       "0800040003000000",
       {table, 112, *Prefix::parse("0.0.0.0/0"), 0, {{3, Address::parse("192.0.2.1")}}}},
      // ip route add 198.51.100.0/24 via inet6 2001:db8::1 dev ext1 table 11201 proto 112
      {"4c00000018000200000000000000000002180000fc7000010000000008000f00c12b000008000100c6336400"
       "160012000a0020010db800000000000000000000000100000800040003000000",
       {table, 112, *Prefix::parse("198.51.100.0/24"), 0, {{3, Address::parse("2001:db8::1")}}}},
      // ip route add default metric 50 nexthop via 192.0.2.1 dev ext1 nexthop via 192.0.2.3 dev
      // ext1
      {"5000000018000200000000000000000002000000fe0300010000000008000f00fe0000000800060032000000"
       "24000900100000000300000008000500c0000201100000000300000008000500c0000203",
       {RT_TABLE_MAIN,
        RTPROT_BOOT,
        *Prefix::parse("0.0.0.0/0"),
        50,
        {{3, Address::parse("192.0.2.1")}, {3, Address::parse("192.0.2.3")}}}},
      // ip -6 route add default via 2001:db8::1 dev ext1 table 11201 proto 112
      {"740000001800020000000000000000000a000000fc7000010000000008000f00c12b00000800060000040000"
       "1400050020010db8000000000000000000000001080004000300000024000c00000000000000000000000000"
       "00000000000000000000000000000000000000000500140000000000",
       {table, 112, *Prefix::parse("::/0"), 1024, {{3, Address::parse("2001:db8::1")}}}},
  };
  for (const Row& row : rows) {
    const auto bytes = from_hex(row.hex);
    INFO(row.hex);
    CHECK(net::decode_route(first_message(bytes)) == row.expected);
  }
}

TEST_CASE("a route that makes no sense is none") {
  auto bytes = from_hex(
      "3400000018000200000000000000000002000000fc7000010000000008000f00c12b000008000500c0000201"
      "0800040003000000");
  SECTION("longer than an address") { bytes[17] = 33; }
  SECTION("another family") { bytes[16] = AF_BRIDGE; }
  SECTION("a deletion") { bytes[4] = RTM_DELROUTE; }
  SECTION("a cached entry") { bytes[25] = RTM_F_CLONED >> 8; }
  SECTION("cut off in the header") {
    bytes.resize(24);
    bytes[0] = 24;
  }
  CHECK_FALSE(net::decode_route(first_message(bytes)));
}

TEST_CASE("what is written of a route is what is read") {
  for (const auto& [destination, gateway] :
       std::vector<std::pair<const char*, const char*>>{{"0.0.0.0/0", "192.0.2.1"},
                                                        {"0.0.0.0/0", nullptr},
                                                        {"192.0.2.0/24", nullptr},
                                                        {"::/0", "fe80::1"},
                                                        {"2001:db8::/64", nullptr},
                                                        {"198.51.100.0/24", "2001:db8::1"}}) {
    core::Route written = route(destination, gateway);
    if (gateway == nullptr) written.source = written.destination.address.plus(2);
    const net::Message message = net::encode_add_route(written, 7);
    const auto read = net::decode_route(net::view_of(*message));
    REQUIRE(read);
    CHECK(read->table == written.table);
    CHECK(read->protocol == core::constants::edge_protocol);
    CHECK(read->destination == written.destination);
    CHECK(read->hops == std::vector<KernelRoute::Hop>{{7, written.gateway}});
    CHECK(read->source == written.source);
  }
}

TEST_CASE("routes come and go, and doing it twice is no error") {
  in_namespace([] {
    make_ext1();
    net::RequestSocket socket(NETLINK_ROUTE);
    CHECK(net::read_routes(socket, core::edge_scope()).empty());
    std::set<core::Route> wanted;
    for (const auto& [destination, gateway] : std::vector<std::pair<const char*, const char*>>{
             {"0.0.0.0/0", "192.0.2.1"},
             {"192.0.2.0/24", nullptr},
             {"203.0.113.0/24", "10.9.9.9"},  // in no subnet of the interface
             {"::/0", "2001:db8::1"},
             {"2001:db8::/64", nullptr}}) {
      core::Route each = route(destination, gateway);
      if (gateway == nullptr) each.source = each.destination.address.plus(2);
      INFO(destination);
      CHECK(to_string(net::add_route(socket, each)) == "Success");
      CHECK(net::add_route(socket, each).ok());
      wanted.insert(each);
    }
    CHECK(net::read_routes(socket, core::edge_scope()) == wanted);
    for (const core::Route& each : wanted) {
      CHECK(net::delete_route(socket, each).ok());
      CHECK(net::delete_route(socket, each).ok());
    }
    CHECK(net::read_routes(socket, core::edge_scope()).empty());
  });
}

TEST_CASE("the gateway changes without a moment without a route") {
  in_namespace([] {
    make_ext1();
    net::RequestSocket socket(NETLINK_ROUTE);
    const bool ipv4 = GENERATE(true, false);
    const core::Route before =
        ipv4 ? route("0.0.0.0/0", "192.0.2.1") : route("::/0", "2001:db8::1");
    const core::Route after = ipv4 ? route("0.0.0.0/0", "192.0.2.3") : route("::/0", "2001:db8::3");
    REQUIRE(net::add_route(socket, before).ok());
    REQUIRE(net::add_route(socket, after).ok());
    CHECK(net::read_routes(socket, core::edge_scope()) == std::set<core::Route>{before, after});
    REQUIRE(net::delete_route(socket, before).ok());
    CHECK(net::read_routes(socket, core::edge_scope()) == std::set<core::Route>{after});
  });
}

TEST_CASE("routes of others are neither seen nor deleted") {
  in_namespace([] {
    make_ext1();
    shell(
        "ip route add default via 192.0.2.1 dev ext1 table 11201 proto static;"
        "ip -6 route add default via 2001:db8::1 dev ext1 table 11201 proto static;"
        "ip route add default via 192.0.2.1 dev ext1 table 117 proto 112;"
        "ip -6 route add default via 2001:db8::1 dev ext1 table 11456 proto 112");
    net::RequestSocket socket(NETLINK_ROUTE);
    CHECK(net::read_routes(socket, core::edge_scope()).empty());
    CHECK(net::delete_route(socket, route("0.0.0.0/0", "192.0.2.1")).ok());
    CHECK(net::delete_route(socket, route("::/0", "2001:db8::1")).ok());
    shell(
        "ip route show table 11201 | grep -q '192.0.2.1';"
        "ip -6 route show table 11201 | grep -q '2001:db8::1'");
  });
}

TEST_CASE("an interface that is gone or down is a matter of time") {
  in_namespace([] {
    net::RequestSocket socket(NETLINK_ROUTE);
    const core::Route wanted = route("0.0.0.0/0", "192.0.2.1");
    CHECK(net::add_route(socket, wanted).error == ENODEV);
    CHECK(net::kind_of(ENODEV) == core::Error::Kind::transient);
    CHECK(net::delete_route(socket, wanted).ok());
    make_ext1();
    shell("ip link set ext1 down");
    const net::Answer answer = net::add_route(socket, wanted);
    CHECK(net::kind_of(answer.error) == core::Error::Kind::transient);
    CHECK(to_string(answer) == "Network is down (Nexthop device is not up)");
  });
}

TEST_CASE("default routes of main are read among many, best metric first") {
  in_namespace([] {
    make_ext1();
    shell(
        "ip route add default via 192.0.2.7 dev ext1 metric 200;"
        "ip route add default via 192.0.2.1 dev ext1 metric 100;"
        "ip route add default dev peer1 metric 300;"
        "ip -6 route add default via fe80::9 dev ext1;"
        "ip route add default via 192.0.2.9 dev ext1 table 77;"
        "for i in $(seq 0 250); do echo route add 10.0.$i.0/24 via 192.0.2.1; done | ip -batch -");
    net::RequestSocket socket(NETLINK_ROUTE);
    const std::uint32_t ext1 = if_nametoindex("ext1");
    std::vector<KernelRoute::Hop> hops;
    for (const KernelRoute& each : net::read_main_routes(socket).defaults) {
      hops.insert(hops.end(), each.hops.begin(), each.hops.end());
    }
    CHECK(hops == std::vector<KernelRoute::Hop>{{ext1, Address::parse("192.0.2.1")},
                                                {ext1, Address::parse("192.0.2.7")},
                                                {if_nametoindex("peer1"), std::nullopt},
                                                {ext1, Address::parse("fe80::9")}});
  });
}

}  // namespace unit::route_test
