// Against this kernel, in a network namespace of its own where that is allowed.
#include "net/listeners.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "os/fd.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::listeners_test {

using core::Listener;
using core::Protocol;

namespace {

core::Address address(const std::string& text) { return *core::Address::parse(text); }

os::Fd bind6(int type, const char* to, std::uint16_t port, bool only_ipv6) {
  os::Fd fd(socket(AF_INET6, type | SOCK_CLOEXEC, 0));
  const int only = only_ipv6 ? 1 : 0;
  REQUIRE(setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) == 0);
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(port);
  REQUIRE(inet_pton(AF_INET6, to, &name.sin6_addr) == 1);
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  if (type == SOCK_STREAM) REQUIRE(listen(fd.get(), 1) == 0);
  return fd;
}

os::Fd bind4(int type, const char* to, std::uint16_t port) {
  os::Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  REQUIRE(inet_pton(AF_INET, to, &name.sin_addr) == 1);
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  if (type == SOCK_STREAM) REQUIRE(listen(fd.get(), 1) == 0);
  return fd;
}

}  // namespace

TEST_CASE("4.6: sockets that listen are seen as they take traffic, others are not") {
  net::test::in_namespace([] {
    net::test::shell("ip link set lo up");
    const os::Fd both = bind6(SOCK_STREAM, "::", 2001, false);
    const os::Fd six = bind6(SOCK_STREAM, "::", 2002, true);
    const os::Fd mapped = bind6(SOCK_STREAM, "::ffff:127.0.0.1", 2003, false);
    const os::Fd four = bind4(SOCK_STREAM, "0.0.0.0", 2004);
    const os::Fd datagrams = bind4(SOCK_DGRAM, "127.0.0.1", 2005);
    const os::Fd connected = bind4(SOCK_DGRAM, "127.0.0.1", 2006);
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(2005);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(connected.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0);

    const core::Listeners found = net::read_listeners();
    CHECK(found.contains(Listener{2001, Protocol::tcp, address("::"), 0}));
    CHECK(found.contains(Listener{2001, Protocol::tcp, address("0.0.0.0"), 0}));
    CHECK(found.contains(Listener{2002, Protocol::tcp, address("::"), 0}));
    CHECK_FALSE(found.contains(Listener{2002, Protocol::tcp, address("0.0.0.0"), 0}));
    CHECK(found.contains(Listener{2003, Protocol::tcp, address("127.0.0.1"), 0}));
    CHECK(found.contains(Listener{2004, Protocol::tcp, address("0.0.0.0"), 0}));
    CHECK_FALSE(found.contains(Listener{2004, Protocol::tcp, address("::"), 0}));
    CHECK(found.contains(Listener{2005, Protocol::udp, address("127.0.0.1"), 0}));
    CHECK_FALSE(found.contains(Listener{2006, Protocol::udp, address("127.0.0.1"), 0}));
  });
}

}  // namespace unit::listeners_test
