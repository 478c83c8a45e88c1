// What the kernel says of routes, against what is made of it, in a namespace of its own.
#include "net/view/live_network.hpp"

#include <cerrno>
#include <string>

#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::view_live_network_test {

using namespace core::packet;
using core::Address;
using net::test::in_namespace;
using net::test::shell;

namespace {

RouteQuery to(const std::string& destination) {
  RouteQuery query;
  query.destination = Address::parse(destination).value();
  return query;
}
net::view::LiveNetwork here() {
  return net::view::LiveNetwork(net::Namespace::find("/proc/thread-self/ns/net").value());
}

constexpr const char* two_links =
    "ip link set lo up; for i in 1 2; do ip link add v$i type veth peer name p$i;"
    "  ip link set v$i up; ip link set p$i up; ip address add 10.0.$i.1/24 dev v$i;"
    "  ip address add fd00:0:0:$i::1/64 dev v$i nodad; done;";

}  // namespace

TEST_CASE("what refuses is told with its text: rules and routes of both families") {
  in_namespace([] {
    shell(two_links);
    shell(
        "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
        "i=0; for t in unreachable prohibit blackhole; do i=$((i + 1));"
        "  ip rule add to 198.51.100.$i $t priority 100; ip -6 rule add to fd02::$i $t priority "
        "100;"
        "  ip route add $t 203.0.113.$i; ip -6 route add $t fd03::$i; done");
    net::view::LiveNetwork network = here();
    const std::pair<std::uint8_t, std::string> types[] = {
        {7, "unreachable"}, {8, "prohibit"}, {6, "blackhole"}};
    std::uint32_t in = network.links().back().device.index;
    for (const Link& link : network.links()) {
      if (link.device.name == "v1") in = link.device.index;
    }
    const std::string prefixes[] = {"198.51.100.", "fd02::", "203.0.113.", "fd03::"};
    int number = 0;
    for (const auto& [type, word] : types) {
      const std::string last = std::to_string(++number);
      for (const std::string& prefix : prefixes) {
        for (const bool forwarded : {false, true}) {
          INFO(prefix << last << " " << forwarded);
          RouteQuery query = to(prefix + last);
          if (forwarded) {
            query.in = in;
            query.source = Address::parse(prefix.find(':') == std::string::npos ? "10.0.1.2"
                                                                                : "fd00:0:0:1::2");
          }
          const RouteAnswer answer = network.route(query);
          CHECK(answer.error != 0);
          CHECK(answer.type == type);
          const bool rule = prefix == "198.51.100." || prefix == "fd02::";
          const std::string text = rule ? "rule 100: from all to " + prefix + last + " " + word
                                        : word + " " + prefix + last;
          // Of IPv6 a route that refuses has a device.
          CHECK((answer.text == text || answer.text == text + " dev lo"));
        }
      }
    }
  });
}

TEST_CASE("a rule that leads nowhere refuses nothing, and a goto leads past one that does") {
  in_namespace([] {
    shell(two_links);
    shell(
        "ip rule add goto 300 priority 100; ip rule add unreachable priority 200;"
        "ip rule add nop priority 300; ip route add prohibit 203.0.113.0/24");
    net::view::LiveNetwork network = here();
    CHECK(network.route(to("10.0.1.2")).error == 0);
    const RouteAnswer answer = network.route(to("203.0.113.1"));
    CHECK(answer.error == EACCES);
    CHECK(answer.text == "prohibit 203.0.113.0/24");
    CHECK(network.route(to("192.0.2.1")).error == ENETUNREACH);
    CHECK(network.route(to("192.0.2.1")).type == 0);
  });
}

TEST_CASE("next hops with their weights: of a route, of a group, of a group that is not listed") {
  in_namespace([] {
    shell(two_links);
    shell(
        "ip route add 192.0.2.0/24 nexthop via 10.0.1.2 weight 1 nexthop via 10.0.2.2 weight 3;"
        "ip -6 route add fd04::/64 nexthop via fd00:0:0:1::2 nexthop via fd00:0:0:2::2 weight 5;"
        "ip nexthop add id 1 via 10.0.1.2 dev v1; ip nexthop add id 2 via 10.0.2.2 dev v2;"
        "ip nexthop add id 10 group 1,2/2,3; ip route add 203.0.113.0/24 nhid 10;"
        "ip route add 198.51.100.0/24 via 10.0.1.2");
    net::view::LiveNetwork network = here();
    const auto weights = [&](const std::string& destination) {
      const RouteAnswer answer = network.route(to(destination));
      CHECK(answer.error == 0);
      std::string text;
      bool has = false;
      for (const NextHop& hop : answer.hops) {
        text += network.link(hop.device)->device.name + "/" + std::to_string(hop.weight) + " ";
        has = has || (hop.device == answer.device && hop.gateway == answer.gateway);
      }
      // The kernel's own choice is one of them.
      CHECK(has == !answer.hops.empty());
      return text;
    };
    CHECK(weights("192.0.2.1") == "v1/1 v2/3 ");
    CHECK(weights("fd04::1").size() == std::string("v1/1 v2/5 ").size());
    CHECK(weights("203.0.113.1") == "v1/2 v2/3 ");
    CHECK(weights("198.51.100.1").empty());
    shell("sysctl -qw net.ipv4.nexthop_compat_mode=0");
    CHECK(weights("203.0.113.1") == "v1/2 v2/3 ");
  });
}

}  // namespace unit::view_live_network_test
