#include "net/network_events.hpp"

#include <linux/netlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <ostream>

#include "net/netlink/request.hpp"
#include "net/route/route.hpp"
#include "net/route/rule.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace net {

std::ostream& operator<<(std::ostream& out, const RouteEvents& events) {
  return out << (events.host ? "host " : "") << (events.routing ? "routing " : "")
             << (events.main_routes ? "main_routes" : "");
}

}  // namespace net

namespace unit::network_events_test {

using net::RouteEvents;
using net::test::in_namespace;
using net::test::shell;

namespace {

constexpr RouteEvents nothing{};
constexpr RouteEvents host{.host = true};
constexpr RouteEvents routing{.routing = true};
constexpr RouteEvents defaults{.host = true, .main_routes = true};
constexpr RouteEvents everything{.host = true, .routing = true, .main_routes = true};

// The kernel tells that a link has become usable when it gets round to it, for all namespaces
// together once a second (linkwatch): that is no news of the tests'.
void make_ext1() {
  shell(
      "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; ip link set lo up;"
      "ip link add ext1 type veth peer name peer1; ip link set ext1 up; ip link set peer1 up;"
      "until [ \"$(ip -o link show up | grep -c 'state UP')\" = 2 ]; do sleep 0.05; done;"
      "ip addr add 192.0.2.2/24 dev ext1");
}

}  // namespace

TEST_CASE("each change is told as what it is about") {
  in_namespace([] {
    make_ext1();
    shell(
        "ip route add default via 192.0.2.1 table 11201 proto 112 dev ext1;"
        "ip rule add pref 1121 fwmark 0x200000/0x1fe00000 lookup 11201 protocol 112;"
        "ip rule add pref 77 lookup 5");
    net::RouteMonitor monitor(core::edge_scope(), 0xffffffff);
    CHECK(monitor.drain() == nothing);
    struct Row {
      const char* command;
      RouteEvents expected;
    };
    const Row rows[] = {
        {"ip addr add 192.0.2.3/24 dev ext1", host},
        {"ip link set ext1 mtu 1400", host},
        {"ip route add default via 192.0.2.1 dev ext1", defaults},
        {"ip route replace default via 192.0.2.5 dev ext1", defaults},
        {"ip route del default", defaults},
        {"ip route add 10.0.0.0/8 via 192.0.2.1", nothing},
        {"ip route del 10.0.0.0/8", nothing},
        {"ip route add 10.0.0.0/8 via 192.0.2.1 mtu 1400", defaults},
        {"ip route del 10.0.0.0/8", defaults},
        {"ip route add default via 192.0.2.1 table 77", nothing},
        {"ip route add default via 192.0.2.1 table 7700", nothing},
        {"ip route replace default via 192.0.2.3 table 7700", nothing},
        {"ip route replace default via 192.0.2.3 table 77", nothing},
        {"ip route add default via 192.0.2.1 table 117 proto 112", nothing},
        {"ip route replace default via 192.0.2.3 table 117 proto 112", nothing},
        {"ip route del default table 117", nothing},
        {"ip rule add pref 1900 lookup 117 protocol 112", nothing},
        {"ip rule del pref 1900", nothing},
        {"ip neigh add 192.0.2.9 lladdr 2:0:0:0:0:1 dev ext1", nothing},
        {"ip rule del pref 77", nothing},
        {"ip rule add pref 78 lookup 5", nothing},
        {"echo 2 > /proc/sys/net/ipv4/conf/ext1/rp_filter", {.host = true, .routing = true}},
        {"ip route replace default via 192.0.2.8 table 11201 proto static dev ext1", routing},
        {"ip route replace default via 192.0.2.8 table 11201 proto 112 dev ext1", routing},
        {"ip route del default table 11201", routing},
        {"ip rule del pref 1121", routing},
        {"ip addr del 192.0.2.3/24 dev ext1", everything},
        {"ip link set ext1 down", everything},
        {"ip link del ext1", everything},
    };
    for (const Row& row : rows) {
      shell(row.command);
      INFO(row.command);
      CHECK(monitor.drain() == row.expected);
    }
  });
}

TEST_CASE("a job hears of what is in its scope, not of another's") {
  in_namespace([] {
    make_ext1();
    net::RouteMonitor client(core::client_scope(), 0xffffffff);
    struct Row {
      const char* command;
      RouteEvents expected;
    };
    const Row rows[] = {
        {"ip route add 10.0.0.0/8 dev ext1 table 117 proto 112", nothing},
        {"ip route replace 10.0.0.0/8 dev ext1 mtu 1300 table 117 proto static", routing},
        {"ip route replace 10.0.0.0/8 dev ext1 table 117 proto 112", routing},
        {"ip route del 10.0.0.0/8 table 117", routing},
        {"ip route add 10.0.0.0/8 dev ext1 table 11201 proto 112", nothing},
        {"ip route replace 10.0.0.0/8 dev ext1 mtu 1300 table 11201 proto 112", nothing},
        {"ip route del 10.0.0.0/8 table 11201", nothing},
        {"ip rule add pref 1121 lookup 11201 protocol 112", nothing},
        {"ip rule del pref 1121", nothing},
        {"ip rule add pref 1900 lookup 117 protocol 112", nothing},
        {"ip rule del pref 1900", routing},
    };
    for (const Row& row : rows) {
      shell(row.command);
      INFO(row.command);
      CHECK(client.drain() == row.expected);
    }
  });
}

TEST_CASE("routes of main are news by the devices that are followed, and by no others") {
  in_namespace([] {
    make_ext1();
    shell(
        "ip link add other type veth peer name peer-other; ip link set other up;"
        "ip addr add 198.51.100.2/24 dev other");
    net::RouteMonitor monitor(core::edge_scope(), 0xffffffff);
    CHECK(monitor.follow({if_nametoindex("ext1")}));
    CHECK_FALSE(monitor.follow({if_nametoindex("ext1")}));
    monitor.drain();
    struct Row {
      const char* command;
      RouteEvents expected;
    };
    const Row rows[] = {
        {"ip route add 10.0.0.0/8 via 192.0.2.9 dev ext1", defaults},
        {"ip route add 10.9.0.0/16 via 198.51.100.9 dev other", nothing},
        {"ip route add 10.9.0.0/16 via 192.0.2.9 dev ext1 table 77", nothing},
        {"ip route replace 10.0.0.0/8 via 192.0.2.8 dev ext1", defaults},
        {"ip route del 10.9.0.0/16 dev other", nothing},
        {"ip route del 10.0.0.0/8", defaults},
        {"ip route add 10.0.0.0/8 nexthop via 192.0.2.9 nexthop via 198.51.100.9", defaults},
    };
    for (const Row& row : rows) {
      shell(row.command);
      INFO(row.command);
      CHECK(monitor.drain() == row.expected);
    }
    monitor.follow({});
    monitor.drain();
    shell("ip route add 10.7.0.0/16 via 192.0.2.9 dev ext1");
    CHECK(monitor.drain() == nothing);
  });
}

TEST_CASE("our own routes and rules are no news") {
  in_namespace([] {
    make_ext1();
    net::RequestSocket socket(NETLINK_ROUTE);
    net::RouteMonitor monitor(core::edge_scope(), socket.port());
    const core::Route route{.table = 11201,
                            .destination = *core::Prefix::parse("0.0.0.0/0"),
                            .gateway = core::Address::parse("192.0.2.1"),
                            .device = "ext1"};
    const core::PolicyRule rule{core::Family::ipv4, 1121, 0x200000, 0x1fe00000, 11201, false};
    REQUIRE(net::add_route(socket, route).ok());
    REQUIRE(net::add_rule(socket, rule).ok());
    REQUIRE(net::delete_rule(socket, rule).ok());
    REQUIRE(net::delete_route(socket, route).ok());
    CHECK(monitor.drain() == nothing);
  });
}

TEST_CASE("a table of foreign routes that churns does not even wake the process") {
  in_namespace([] {
    make_ext1();
    net::RouteMonitor monitor(core::edge_scope(), 0xffffffff);
    shell(
        "for i in $(seq 0 250); do echo route add 10.0.$i.0/24 via 192.0.2.1; done | ip -batch -;"
        "for i in $(seq 0 250); do echo route replace 10.0.$i.0/24 via 192.0.2.7; done |"
        " ip -batch -; ip route flush root 10.0.0.0/8");
    CHECK_FALSE(monitor.pending());
  });
}

TEST_CASE("lost notifications may have been about anything") {
  in_namespace([] {
    make_ext1();
    net::RouteMonitor monitor(core::edge_scope(), 0xffffffff);
    const int small = 4096;
    REQUIRE(setsockopt(monitor.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    shell("for i in $(seq 1300 1400); do echo link set ext1 mtu $i; done | ip -batch -");
    CHECK(monitor.drain() == everything);
    CHECK(monitor.drain() == nothing);
    shell("ip link set ext1 mtu 1450");
    CHECK(monitor.drain() == host);
  });
}

TEST_CASE("what the MTU of a path depends on is news, our own tunnels and routes are none") {
  in_namespace([] {
    make_ext1();
    net::PathMonitor monitor;
    CHECK_FALSE(monitor.drain());
    shell("ip link set ext1 mtu 1400");
    CHECK(monitor.drain());
    CHECK_FALSE(monitor.drain());
    shell("ip route add 198.51.100.0/24 dev ext1 mtu 1300");
    CHECK(monitor.drain());
    shell("ip address add 198.51.100.77/32 dev ext1");
    CHECK(monitor.drain());
    shell("ip address del 198.51.100.77/32 dev ext1");
    CHECK(monitor.drain());
    shell("ip link add vx0 group 11217 mtu 1300 up type vxlan external dstport 4790");
    shell("ip link set vx0 mtu 1200");
    shell("ip route add 203.0.113.0/24 dev ext1 table 117 proto 112");
    shell("ip route replace 203.0.113.0/24 dev ext1 mtu 1300 table 117 proto 112");
    shell("ip route add 192.0.2.128/25 dev ext1");
    shell("ip rule add pref 1900 lookup 117 protocol 112");
    CHECK_FALSE(monitor.drain());
  });
}

TEST_CASE("2.15: what somebody takes from a client, or puts in its place, is news") {
  in_namespace([] {
    make_ext1();
    shell(
        "ip link add vx0 group 11217 up type vxlan external dstport 4790;"
        "ip route add 203.0.113.0/24 dev ext1 table 117 proto 112;"
        "ip route add 192.0.2.9/32 dev ext1 table 118 proto 112;"
        "ip rule add pref 1900 lookup 117 protocol 112;"
        "ip rule add pref 77 lookup 5");
    net::PathMonitor monitor;
    for (const char* const command :
         {"ip route replace 203.0.113.0/24 dev ext1 mtu 1300 table 117 proto static",
          "ip route del 192.0.2.9/32 table 118", "ip rule del pref 1900", "ip link set vx0 down",
          "ip link del vx0"}) {
      shell(command);
      INFO(command);
      CHECK(monitor.drain());
    }
    shell("ip rule del pref 77; ip route add 203.0.113.0/24 dev ext1 table 77 proto static");
    CHECK_FALSE(monitor.drain());
  });
}

TEST_CASE("who takes routes or rules of ours is told, unless it is the kernel") {
  in_namespace([] {
    make_ext1();
    shell(
        "ip route add default via 192.0.2.1 table 11201 proto 112 dev ext1;"
        "ip rule add pref 1121 fwmark 0x200000/0x1fe00000 lookup 11201 protocol 112;"
        "ip rule add pref 77 lookup 5");
    net::RouteMonitor monitor(core::edge_scope(), 0xffffffff);
    shell("ip rule del pref 77");
    CHECK(monitor.drain() == nothing);
    CHECK_FALSE(monitor.take_meddler());
    shell("ip rule del pref 1121");
    CHECK(monitor.drain() == routing);
    CHECK(monitor.take_meddler());
    CHECK_FALSE(monitor.take_meddler());
    shell("ip link set ext1 down");
    CHECK(monitor.drain().routing);
    CHECK_FALSE(monitor.take_meddler());
  });
}

}  // namespace unit::network_events_test
