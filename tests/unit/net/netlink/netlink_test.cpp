#include "net/netlink/netlink.hpp"

#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "net/netlink/message.hpp"
#include "support/catch.hpp"
#include "unit/net/namespace.hpp"

namespace unit::netlink_test {

using net::ByteView;
using net::NetlinkMessage;
using net::NetlinkSocket;
using net::NetlinkWriter;
using net::test::in_namespace;

namespace {

ByteView bytes_of(const auto& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

// "Done", in the kernel's words but by another process.
void forge_acknowledgement(const NetlinkSocket& forger, std::uint32_t to, std::uint32_t sequence) {
  NetlinkWriter writer;
  const std::size_t begin = writer.begin_message(NLMSG_ERROR, 0, sequence);
  writer.append(bytes_of(nlmsgerr{}));
  writer.close_message(begin);
  sockaddr_nl victim{};
  victim.nl_family = AF_NETLINK;
  victim.nl_pid = to;
  REQUIRE(sendto(forger.fd(), writer.bytes().data(), writer.size(), 0,
                 reinterpret_cast<const sockaddr*>(&victim), sizeof victim) > 0);
}

}  // namespace

TEST_CASE("a message grows with what is put into it, and what no attribute holds is refused") {
  const net::Message message = net::make_message(RTM_NEWNEXTHOP, 0, nhmsg{});
  const std::vector<std::uint8_t> much(30'000, 7), more(25'000, 8);
  net::put_u32(*message, NHA_ID, 1);
  net::put(*message, NHA_GROUP, much);
  net::put_nest(*message, NHA_RES_GROUP, [&] {
    net::put(*message, 1, more);
    net::put(*message, 2, more);
  });
  const net::Attributes attributes(net::view_of(*message), sizeof(nhmsg));
  CHECK(attributes.u32(NHA_ID) == 1);
  CHECK(std::ranges::equal(attributes[NHA_GROUP], much));
  const net::Attributes nest(attributes[NHA_RES_GROUP]);
  CHECK(std::ranges::equal(nest[1], more));
  CHECK(std::ranges::equal(nest[2], more));

  const std::vector<std::uint8_t> too_much(65'532);
  CHECK_THROWS_AS(net::put(*message, NHA_GROUP, too_much), core::Error);
  CHECK_THROWS_AS(net::put_nest(*message, NHA_RES_GROUP,
                                [&] {
                                  for (int i = 0; i < 3; ++i) net::put(*message, 1, more);
                                }),
                  core::Error);
}

TEST_CASE("what another process sends is no answer of the kernel") {
  in_namespace([] {
    NetlinkSocket socket(NETLINK_ROUTE);
    const NetlinkSocket forger(NETLINK_ROUTE);
    constexpr std::uint32_t sequence = 7;
    forge_acknowledgement(forger, socket.port(), sequence);
    CHECK(socket.receive(false).error == EAGAIN);

    forge_acknowledgement(forger, socket.port(), sequence);
    NetlinkWriter writer;
    const std::size_t begin =
        writer.begin_message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, sequence);
    ifinfomsg nobody{};
    nobody.ifi_index = 77;
    writer.append(bytes_of(nobody));
    writer.close_message(begin);
    CHECK(socket.query(writer.bytes(), [](const NetlinkMessage&) {}) == ENODEV);
  });
}

}  // namespace unit::netlink_test
