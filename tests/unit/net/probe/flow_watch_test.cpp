#include "net/probe/flow_watch.hpp"

#include <string>

#include "support/catch.hpp"
#include "unit/net/bytes.hpp"

namespace unit::flow_watch_test {

using net::test::first_message;
using net::test::from_hex;

TEST_CASE("a connection that began, with the bytes that the kernel counted") {
  // As in trace_event_test, with CTA_COUNTERS_ORIG and CTA_COUNTERS_REPLY behind.
  const std::string message =
      "000100060000000000000000020000003400018014000180080001000a010002080002000a0909091c000280"
      "0500010006000000060002009c55000006000300005000003400028014000180080001000a02000208000200"
      "0a0200011c0002800500010006000000060002001f900000060003009c55000008000c003657890208000300"
      "000001b80800070000000078300004802c000180050001000100000005000200000000000500030000000000"
      "06000400000000000600050000000000";
  const std::string counters =
      "1c0009800c00010000000000000000030c00020000000000000004d2"
      "1c000a800c00010000000000000000020c0002000000000100000001";
  const auto plain = from_hex("c4000000" + message);
  const auto flow = net::probe::decode_flow_news(first_message(plain), 3);
  REQUIRE(flow);
  CHECK(flow->place == 3);
  CHECK_FALSE(flow->ended);
  CHECK_FALSE(flow->traffic);
  CHECK(core::watch::packet_text(flow->before) == "tcp 10.1.0.2:40021 > 10.9.9.9:80");
  CHECK(core::watch::packet_text(flow->after) == "tcp 10.2.0.1:40021 > 10.2.0.2:8080");

  auto counted = from_hex("fc000000" + message + counters);
  counted[4] = 2;  // IPCTNL_MSG_CT_DELETE
  const auto ended = net::probe::decode_flow_news(first_message(counted), 0);
  REQUIRE(ended);
  CHECK(ended->ended);
  CHECK(ended->traffic == core::watch::Traffic{1234, 0x100000001});
  for (std::size_t size = 0; size < counted.size(); ++size) {
    auto cut = counted;
    cut.resize(size);
    if (size >= 4) cut[0] = static_cast<std::uint8_t>(size);
    static_cast<void>(size < 16 ? std::nullopt
                                : net::probe::decode_flow_news(first_message(cut), 0));
  }
}

}  // namespace unit::flow_watch_test
