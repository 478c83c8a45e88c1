#include "net/observe_host.hpp"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <net/if.h>

#include <algorithm>

#include "net/sysctl.hpp"
#include "support/catch.hpp"
#include "unit/net/bytes.hpp"
#include "unit/net/namespace.hpp"

namespace unit::observe_host_test {

using core::Address;
using core::Prefix;
using net::test::first_message;
using net::test::from_hex;
using net::test::in_namespace;
using net::test::shell;

namespace {

core::Host read() {
  net::RequestSocket socket(NETLINK_ROUTE);
  return net::read_host(socket, net::read_main_routes(socket));
}

}  // namespace

TEST_CASE("an address is read as the kernel sent it") {
  // ip addr add 192.0.2.2/24 dev ext1; of a peer: our own side
  const auto plain = from_hex(
      "50000000140002000000000000000000021880000300000008000100c000020208000200c000020209000300"
      "6578743100000000080008008000000014000600ffffffffffffffff12a8090012a80900");
  CHECK(net::decode_address(first_message(plain)) ==
        net::InterfaceAddress{3, *Prefix::parse("192.0.2.2/24")});
  const auto peer = from_hex(
      "50000000140002000000000000000000022080000300000008000100c000020a08000200c000020909000300"
      "6578743100000000080008008000000014000600ffffffffffffffff13a8090013a80900");
  CHECK(net::decode_address(first_message(peer)) ==
        net::InterfaceAddress{3, *Prefix::parse("192.0.2.9/32")});
  auto too_long = plain;
  too_long[17] = 33;
  CHECK_FALSE(net::decode_address(first_message(too_long)));
}

TEST_CASE("an IPv6 address counts once it is known to be ours alone") {
  // 2001:db8::3/64, tentative: flags 0xc0
  auto bytes = from_hex(
      "480000001400020000000000000000000a40c000020000001400010020010db8000000000000000000000003"
      "14000600ffffffffffffffff17a8090017a8090008000800c0000000");
  const auto with_flags = [&](unsigned flags) {
    bytes[68] = static_cast<std::uint8_t>(flags);
    return net::decode_address(first_message(bytes)).has_value();
  };
  CHECK_FALSE(with_flags(IFA_F_PERMANENT | IFA_F_TENTATIVE));
  CHECK_FALSE(with_flags(IFA_F_PERMANENT | IFA_F_TENTATIVE | IFA_F_DADFAILED));
  CHECK(with_flags(IFA_F_PERMANENT | IFA_F_TENTATIVE | IFA_F_OPTIMISTIC));
  CHECK(with_flags(IFA_F_PERMANENT));
  CHECK(with_flags(IFA_F_PERMANENT | IFA_F_DEPRECATED));
}

TEST_CASE("the host is seen as it is") {
  in_namespace([] {
    shell(
        "ip link set lo up;"
        "ip link add ext1 type veth peer name peer1; ip link set ext1 mtu 1400 up;"
        "ip link add idle type veth peer name peer2;"
        "ip addr add 192.0.2.2/24 dev ext1; ip addr add 192.0.2.1/24 dev ext1;"
        "ip addr add 2001:db8::2/64 dev ext1 nodad; ip addr add 2001:db8::3/64 dev ext1;"
        "ip addr add 203.0.113.1/32 dev idle;"
        "ip route add default via 192.0.2.7 dev ext1 metric 200;"
        "ip route add default via 192.0.2.8 dev ext1 metric 100;"
        "ip -6 route add default dev ext1;"
        "echo 1 > /proc/sys/net/ipv4/conf/ext1/rp_filter;"
        "echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter;"
        "echo 0 > /proc/sys/net/ipv4/ip_forward;"
        "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    core::Host host = read();
    REQUIRE(host.interfaces.size() == 5);
    CHECK(host.route_mtu == 0);
    const core::Interface& ext1 = host.interfaces.at("ext1");
    CHECK(ext1.name == "ext1");
    CHECK(ext1.index != 0);
    CHECK(ext1.mtu == 1400);
    CHECK(ext1.up);
    CHECK(ext1.rp_filter == 1);
    CHECK(ext1.gateway4 == Address::parse("192.0.2.8"));
    CHECK(ext1.default4);
    CHECK_FALSE(ext1.gateway6);
    CHECK(ext1.default6);
    // peer1 is down, so there is no carrier and 2001:db8::3 and link-local ones stay tentative.
    CHECK(ext1.addresses == std::vector<Prefix>{*Prefix::parse("192.0.2.2/24"),
                                                *Prefix::parse("192.0.2.1/24"),
                                                *Prefix::parse("2001:db8::2/64")});
    CHECK_FALSE(host.interfaces.at("idle").up);
    CHECK_FALSE(host.interfaces.at("idle").default4);
    CHECK(host.rp_filter_all == 2);
    CHECK_FALSE(host.forwarding4);
    CHECK(host.forwarding6);
    CHECK(host.ipv6);

    CHECK(host.is_local(*Address::parse("192.0.2.1")));
    CHECK(host.is_local(*Address::parse("2001:db8::2")));
    CHECK_FALSE(host.is_local(*Address::parse("192.0.2.7")));
    CHECK(host.is_local(*Address::parse("203.0.113.1")));  // though its interface is down

    net::write_sysctl("net/ipv6/conf/all/disable_ipv6", "1");
    net::write_sysctl("net/ipv4/ip_forward", "1");
    host = read();
    CHECK_FALSE(host.ipv6);
    CHECK(host.forwarding4);
  });
}

TEST_CASE("of a multipath default route each interface has its next hop") {
  in_namespace([] {
    shell(
        "for i in 1 2; do ip link add ext$i type veth peer name peer$i; ip link set ext$i up;"
        "ip addr add 192.0.$i.2/24 dev ext$i; done;"
        "ip route add default nexthop via 192.0.1.1 dev ext1 nexthop via 192.0.2.1 dev ext2");
    const core::Host host = read();
    CHECK(host.interfaces.at("ext1").gateway4 == Address::parse("192.0.1.1"));
    CHECK(host.interfaces.at("ext2").gateway4 == Address::parse("192.0.2.1"));
  });
}

TEST_CASE("the smallest mtu of main's routes is known, of either family") {
  in_namespace([] {
    shell(
        "ip link add ext1 type veth peer name peer1; ip link set ext1 up;"
        "ip addr add 192.0.2.2/24 dev ext1; ip addr add 2001:db8::2/64 dev ext1 nodad;"
        "ip route add 10.0.0.0/8 via 192.0.2.1 mtu 1450;"
        "ip route add 10.9.0.0/16 via 192.0.2.1 table 77 mtu 1300");
    CHECK(read().route_mtu == 1450);
    shell("ip -6 route add 2001:db8:9::/48 via 2001:db8::1 mtu lock 1400");
    CHECK(read().route_mtu == 1400);
  });
}

TEST_CASE("routes of main by followed devices are told, the best first, and too many not at all") {
  in_namespace([] {
    shell(
        "for i in 1 2; do ip link add ext$i type veth peer name peer$i; ip link set ext$i up;"
        "ip link set peer$i up; ip addr add 192.0.$i.2/24 dev ext$i; done;"
        "ip addr add 2001:db8::2/64 dev ext1 nodad;"
        "ip tuntap add tun9 mode tun; ip addr add 10.8.0.1 peer 10.8.0.2 dev tun9;"
        "ip link set tun9 up;"
        "ip route add 10.1.0.0/16 via 192.0.1.9 metric 9; ip route add 10.1.0.0/16 via 192.0.1.8;"
        "ip route add 10.2.0.0/16 via 192.0.2.9;"
        "ip route add 10.3.0.0/16 nexthop via 192.0.1.7 nexthop via 192.0.2.7;"
        "ip route add unreachable 10.4.0.0/16;"
        "ip route add 10.5.0.0/16 via 192.0.1.7 table 77;"
        "ip -6 route add 2001:db8:9::/48 via 2001:db8::1 dev ext1");
    net::RequestSocket socket(NETLINK_ROUTE);
    const auto followed = {if_nametoindex("ext1"), if_nametoindex("tun9")};
    core::Host host = net::read_host(socket, net::read_main_routes(socket, followed));
    const auto tells = [&](const char* device, const char* to, std::optional<const char*> via) {
      const auto& routes = host.interfaces.at(device).routes;
      const core::MainRoute route{*Prefix::parse(to), via ? Address::parse(*via) : std::nullopt};
      return std::ranges::find(routes, route) - routes.begin();
    };
    const auto size = [&](const char* device) {
      return static_cast<std::ptrdiff_t>(host.interfaces.at(device).routes.size());
    };
    CHECK(tells("ext1", "192.0.1.0/24", {}) < size("ext1"));
    CHECK(tells("ext1", "10.1.0.0/16", "192.0.1.8") < tells("ext1", "10.1.0.0/16", "192.0.1.9"));
    CHECK(tells("ext1", "10.1.0.0/16", "192.0.1.9") < size("ext1"));
    CHECK(tells("ext1", "10.3.0.0/16", "192.0.1.7") < size("ext1"));
    CHECK(tells("ext1", "2001:db8:9::/48", "2001:db8::1") < size("ext1"));
    CHECK(tells("ext1", "10.5.0.0/16", "192.0.1.7") == size("ext1"));
    CHECK(tells("tun9", "10.8.0.2/32", {}) < size("tun9"));
    CHECK(host.interfaces.at("tun9").point_to_point);
    CHECK_FALSE(host.interfaces.at("ext1").point_to_point);
    CHECK_FALSE(host.too_many_routes);

    shell(
        "for a in $(seq 1 101); do for b in $(seq 1 100); do "
        "echo route add 10.$((100 + a)).$b.0/24 via 192.0.1.9; done; done | ip -batch -");
    host = net::read_host(socket, net::read_main_routes(socket, followed));
    CHECK(host.too_many_routes);
    CHECK(size("ext1") == 0);
  });
}

}  // namespace unit::observe_host_test
