// Messages as Linux 6.18 wrote them about a SYN that a router translated.
#include "net/probe/trace_event.hpp"

#include <linux/netfilter/nf_conntrack_common.h>

#include <string>

#include "net/probe/connection_event.hpp"
#include "net/probe/trace_filter.hpp"
#include "support/catch.hpp"
#include "unit/net/bytes.hpp"

namespace unit::trace_event_test {

using core::packet::ConnectionEvent;
using core::packet::Cookie;
using core::packet::TraceEvent;
using core::packet::Verdict;
using net::test::first_message;
using net::test::from_hex;

namespace {

const std::string armed =
    "c4000000110a000000000000000000000100000008000f0000000002080004000000000308000600de3bacc9130002"
    "00"
    "61726d2d707265726f7574696e67000017000100706f6e612d646961672d656532656437623700000c000300000000"
    "00"
    "000000030c00050008000100ffffffff08000a000000000206000b0000010000180008004500002c77cd40004006a5"
    "ea"
    "0a0100020a090909180009009c55005035cd559f000000006002faf0584b000012000700b6260d8681df0a53bce202"
    "f2"
    "08000000";
const std::string armed_end =
    "64000000110a000000000000000000000100000008000f0000000002080004000000000308000600de3bacc9130002"
    "00"
    "61726d2d707265726f7574696e67000017000100706f6e612d646961672d656532656437623700000c000500080001"
    "00"
    "ffffffff";
const std::string armed_policy =
    "60000000110a000000000000000000000100000008000f0000000002080004000000000108000600de3bacc9130002"
    "00"
    "61726d2d707265726f7574696e67000017000100706f6e612d646961672d6565326564376237000008001000000000"
    "01";
const std::string translated =
    "cc000000110a000000000000000000000100000008000f0000000002080004000000000308000600de3bacc9090002"
    "00"
    "7072657200000000080001006c6162000c00030000000000000000040c000500080001000000000108000a00000000"
    "02"
    "06000b0000010000180008004500002c77cd40004006a5ea0a0100020a090909180009009c55005035cd559f000000"
    "00"
    "6002faf0584b000012000700b6260d8681df0a53bce202f20800000008001500000000080500130000000000080012"
    "00"
    "365789020800140000000120";
const std::string policy =
    "48000000110a000000000000000000000100000008000f0000000002080004000000000108000600de3bacc9090002"
    "00"
    "666f727700000000080001006c6162000800100000000001";

TraceEvent decode(const std::string& hex) {
  const auto bytes = from_hex(hex);
  const auto event = net::probe::decode_trace_event(first_message(bytes));
  REQUIRE(event);
  return *event;
}

Cookie cookie(std::uint32_t sequence) {
  Cookie cookie;
  cookie.sequence = sequence;
  return cookie;
}

}  // namespace

TEST_CASE("a traced packet at a rule that translates it, with its connection") {
  const TraceEvent event = decode(translated);
  CHECK(event.chain == core::packet::ChainId{core::packet::TableFamily::inet, "lab", "prer"});
  CHECK(event.type == TraceEvent::Type::rule);
  CHECK(event.rule == 4);
  CHECK(event.verdict == Verdict{Verdict::Code::accept, ""});
  CHECK(event.trace_id == 0xde3bacc9);
  CHECK(event.nfproto == 2);
  CHECK(event.in.index == 2);
  CHECK(event.out.index == 0);
  CHECK(event.connection == 0x36578902);
  CHECK(event.direction == 0);
  CHECK(event.status == (IPS_DST_NAT | IPS_DST_NAT_DONE));
  CHECK(event.state == NF_CT_STATE_BIT(IP_CT_NEW));
  const auto packet = core::packet::packet_in(event);
  REQUIRE(packet);
  CHECK(core::packet::to_text(*packet) == "10.1.0.2:40021 > 10.9.9.9:80");
  CHECK(packet->sequence == 0x35cd559f);
  CHECK(packet->id == 0x77cd);
}

TEST_CASE("a traced packet at the end of chains") {
  const TraceEvent end = decode(armed_end);
  CHECK(end.type == TraceEvent::Type::end);
  CHECK_FALSE(core::packet::packet_in(end));
  const TraceEvent event = decode(policy);
  CHECK(event.type == TraceEvent::Type::policy);
  CHECK(event.verdict.code == Verdict::Code::accept);
  CHECK(core::packet::to_text(core::packet::Observation(event)) == "policy inet lab forw accept");
}

TEST_CASE("what is not a trace event is none") {
  auto bytes = from_hex(policy);
  bytes[4] = 0x10;
  CHECK_FALSE(net::probe::decode_trace_event(first_message(bytes)));
  bytes = from_hex(policy);
  bytes[16] = 4;  // no family of tables
  CHECK_FALSE(net::probe::decode_trace_event(first_message(bytes)));
}

TEST_CASE("trace events of others are left out") {
  net::probe::TraceFilter ours("pona-diag-ee2ed7b7", cookie(0x35cd559f), {});
  CHECK_FALSE(ours.keeps(decode(policy)));  // nothing is known of this id yet
  for (const std::string& hex : {armed, armed_end, armed_policy, translated, policy}) {
    CHECK(ours.keeps(decode(hex)));
  }
  // Another's packet with the same trace id comes through our chain, and none of our rules fits.
  CHECK_FALSE(ours.keeps(decode(armed_end)));
  CHECK_FALSE(ours.keeps(decode(armed_policy)));
  CHECK_FALSE(ours.keeps(decode(policy)));

  // Another's rule matched; the headers say that it is not ours.
  net::probe::TraceFilter others("pona-diag-00000000", cookie(1), {});
  for (const std::string& hex : {armed, armed_end, armed_policy, translated, policy}) {
    CHECK_FALSE(others.keeps(decode(hex)));
  }
}

TEST_CASE("a packet whose trace another began is known by its headers") {
  net::probe::TraceFilter filter("pona-diag-00000000", cookie(0x35cd559f), {});
  CHECK(filter.keeps(decode(translated)));
  CHECK(filter.keeps(decode(policy)));
}

TEST_CASE("a connection that was translated") {
  auto bytes = from_hex(
      "c4000000000100060000000000000000020000003400018014000180080001000a010002080002000a0909091c00"
      "0280"
      "0500010006000000060002009c55000006000300005000003400028014000180080001000a020002080002000a02"
      "0001"
      "1c0002800500010006000000060002001f900000060003009c55000008000c003657890208000300000001b80800"
      "0700"
      "00000078300004802c00018005000100010000000500020000000000050003000000000006000400000000000600"
      "0500"
      "00000000");
  const auto event = net::probe::decode_connection_event(first_message(bytes));
  REQUIRE(event);
  CHECK(event->kind == ConnectionEvent::Kind::made);
  CHECK(event->connection.id == 0x36578902);
  CHECK(event->connection.status == 0x1b8);
  CHECK(event->connection.tcp_state == 1);
  CHECK(event->connection.timeout == 120);
  CHECK(core::packet::to_text(event->connection.original) == "tcp 10.1.0.2:40021 > 10.9.9.9:80");
  CHECK(core::packet::to_text(event->connection.reply) == "tcp 10.2.0.2:8080 > 10.2.0.1:40021");
  bytes[4] = 2;  // IPCTNL_MSG_CT_DELETE
  CHECK(net::probe::decode_connection_event(first_message(bytes))->kind ==
        ConnectionEvent::Kind::ended);
  bytes[4] = 1;  // IPCTNL_MSG_CT_GET
  CHECK_FALSE(net::probe::decode_connection_event(first_message(bytes)));
}

TEST_CASE("of an echo's connection the identifier is both ports") {
  const auto bytes = from_hex(
      "d40000000001000600000000000000000a000000540001802c00018014000300fd01000000000000000000000000"
      "0002"
      "14000400fd02000000000000000000000000000224000280050001003a00000006000700f2150000050008008000"
      "0000"
      "0500090000000000540002802c00018014000300fd02000000000000000000000000000214000400fd0200000000"
      "0000"
      "000000000000000124000280050001003a00000006000700f2150000050008008100000005000900000000000800"
      "0c00"
      "2f7d8c9a0800030000000198080007000000001e");
  const auto event = net::probe::decode_connection_event(first_message(bytes));
  REQUIRE(event);
  CHECK(core::packet::to_text(event->connection.original) ==
        "icmpv6 [fd01::2]:61973 > [fd02::2]:61973");
}

}  // namespace unit::trace_event_test
