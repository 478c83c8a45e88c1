// A packet as if from the wire, in each way that there is, and what is left of it: nothing.
#include "net/probe/inject.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "core/packet/packet.hpp"
#include "net/probe/capture.hpp"
#include "net/view/live_network.hpp"
#include "support/catch.hpp"
#include "support/fake_world.hpp"
#include "unit/net/namespace.hpp"

namespace unit::probe_inject_test {

using namespace core::packet;
using net::test::in_namespace;
using net::test::shell;

namespace {

// What comes in by v0 with the probe's sequence, as the socket of a trace sees it.
std::optional<Captured> come_in(
    const std::function<void(const net::Namespace&, const Packet&)>& way) {
  Cookie cookie = make_cookie(tcp, 0x1234567890abcdef, 7);
  Packet probe = support::world::tcp_packet("10.77.0.7", "10.0.0.1");
  put_cookie(probe, cookie);
  net::probe::Capture capture(net::probe::needles_of(cookie));
  way(net::Namespace::find("/proc/thread-self/ns/net").value(), probe);
  std::optional<Captured> seen;
  pollfd waiting{capture.fd(), POLLIN, 0};
  for (int i = 0; i < 100 && !seen; ++i) {
    poll(&waiting, 1, 100);
    capture.drain([&](net::probe::Frame frame) {
      const auto one = net::probe::read_capture(frame, cookie);
      if (one && one->direction == Captured::Direction::in && frame.interface.name == "v0") {
        seen = one;
      }
    });
  }
  return seen;
}

}  // namespace

TEST_CASE("a packet comes in by a device without anybody who sends it") {
  in_namespace([] {
    shell(
        "ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up;"
        "ip address add 10.0.0.1/24 dev v0; ip route add 10.77.0.0/16 dev v0");
    const auto mac = [] {
      net::view::LiveNetwork network(net::Namespace::find("/proc/thread-self/ns/net").value());
      for (const Link& link : network.links()) {
        if (link.device.name == "v0") return link.mac;
      }
      return Bytes();
    };
    const auto by_redirect = come_in([](const net::Namespace& where, const Packet& probe) {
      net::probe::receive_by_redirect(where, "v0", probe);
    });
    REQUIRE(by_redirect);
    CHECK(to_text(by_redirect->packet) == "10.77.0.7:40000 > 10.0.0.1:80");
    const auto usual = come_in([](const net::Namespace& where, const Packet& probe) {
      net::probe::receive_at(where, "v0", probe);
    });
    REQUIRE(usual);
    const auto by_other_end = come_in([&](const net::Namespace& where, const Packet& probe) {
      net::probe::send_frame(where, "v1", mac(), probe);
    });
    REQUIRE(by_other_end);
    CHECK(to_text(by_other_end->packet) == "10.77.0.7:40000 > 10.0.0.1:80");
    // Nothing is attached to the device.
    shell("! ip -d link show v0 | grep -q xdp; test -z \"$(tc filter show dev v0 ingress)\"");
  });
}

}  // namespace unit::probe_inject_test
