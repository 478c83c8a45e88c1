// Policies of IPsec as this kernel lists them, and sockets as it finds them.
#include "net/view/ipsec.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <string>

#include "net/view/live_network.hpp"
#include "os/fd.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::view_ipsec_test {

using namespace core::packet;
using net::test::in_namespace;
using net::test::shell;

TEST_CASE("policies of IPsec, with whether there are keys for them") {
  in_namespace([] {
    if (std::system("ip xfrm policy >/dev/null 2>&1") != 0) return;  // a kernel without
    CHECK(net::view::read_ipsec().empty());
    shell(
        "ip xfrm policy add src 10.0.0.0/24 dst 10.1.0.0/16 proto tcp dport 443 dir out priority 7"
        "  mark 3 mask 15 tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid 5 mode tunnel;"
        "ip xfrm policy add src fd00::/64 dst ::/0 dir fwd action block");
    const auto policies = net::view::read_ipsec();
    REQUIRE(policies.size() == 2);
    const bool first = policies[0].direction == IpsecPolicy::Direction::out;
    const IpsecPolicy& out = policies[first ? 0 : 1];
    const IpsecPolicy& forward = policies[first ? 1 : 0];
    CHECK(to_string(out.source) == "10.0.0.0/24");
    CHECK(out.protocol == core::packet::tcp);
    CHECK(out.destination_port == 443);
    CHECK(out.destination_port_mask == 0xffff);
    CHECK(out.mark == 3);
    CHECK(out.mark_mask == 15);
    CHECK(out.priority == 7);
    CHECK(out.transforms);
    CHECK(!out.blocks);
    CHECK(!out.has_state);
    CHECK(to_string(out.remote.value()) == "192.0.2.2");
    CHECK(out.text ==
          "src 10.0.0.0/24 dst 10.1.0.0/16 proto tcp dport 443 dir out tmpl esp to 192.0.2.2");
    CHECK(forward.direction == IpsecPolicy::Direction::forward);
    CHECK(forward.blocks);
    CHECK(!forward.transforms);
    CHECK(forward.text == "src fd00::/64 dst ::/0 dir fwd action block");
  });
}

TEST_CASE("the socket that takes a packet: transparent, for all addresses, not there") {
  in_namespace([] {
    shell("ip link set lo up");
    const auto bound = [](int type, std::uint16_t port, bool transparent) {
      os::Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
      const int on = 1;
      if (transparent) REQUIRE(setsockopt(fd.get(), SOL_IP, IP_TRANSPARENT, &on, sizeof on) == 0);
      sockaddr_in name{};
      name.sin_family = AF_INET;
      name.sin_port = htons(port);
      if (port == 5001) name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
      if (type == SOCK_STREAM) REQUIRE(listen(fd.get(), 1) == 0);
      return fd;
    };
    const os::Fd one = bound(SOCK_STREAM, 5000, true);
    const os::Fd two = bound(SOCK_STREAM, 5001, false);
    const os::Fd three = bound(SOCK_DGRAM, 5002, true);
    net::view::LiveNetwork network(net::Namespace::find("/proc/thread-self/ns/net").value());
    Packet packet;
    packet.source = core::Address::parse("10.0.0.1").value();
    packet.source_port = 40000;
    packet.destination = core::Address::parse("127.0.0.1").value();
    const auto found = [&](std::uint8_t protocol, std::uint16_t port) {
      packet.protocol = protocol;
      const auto result = network.find_socket(packet, Context(), packet.destination, port);
      REQUIRE(result);
      return std::string(result->exists ? "there" : "none") +
             (result->transparent ? " transparent" : "") + (result->wildcard ? " wildcard" : "");
    };
    CHECK(found(tcp, 5000) == "there transparent wildcard");
    CHECK(found(tcp, 5001) == "there");
    CHECK(found(tcp, 5002) == "none");
    CHECK(found(udp, 5002) == "there transparent wildcard");
    CHECK(found(udp, 5000) == "none");
  });
}

}  // namespace unit::view_ipsec_test
