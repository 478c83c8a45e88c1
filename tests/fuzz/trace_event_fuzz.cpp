// Any bytes as what the kernel tells of a traced packet, of connections and of a thrown away
// packet, and as what a packet socket catches: nothing crashes, and what is said of it holds
// together.
//
// An input is what it is taken for, and what follows the message's header; of packets, the packet.
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "net/probe/capture.hpp"
#include "net/probe/connection_event.hpp"
#include "net/probe/drop_watch.hpp"
#include "net/probe/trace_event.hpp"
#include "net/probe/trace_filter.hpp"

namespace {

using core::packet::Cookie;
using core::packet::Observation;
using fuzz::require;
using net::ByteView;
using net::NetlinkMessage;
using net::NetlinkWriter;

// Of the packet in the corpus.
Cookie recorded_cookie(std::uint8_t protocol) {
  Cookie cookie;
  cookie.protocol = protocol;
  cookie.sequence = 0x35cd559f;
  cookie.id = 0x77cd;
  cookie.payload = {1, 2, 3, 4, 5, 6, 7, 8};
  return cookie;
}

std::vector<std::uint8_t> message_of(int type, ByteView payload) {
  NetlinkWriter writer;
  const std::size_t begin = writer.begin_message(static_cast<std::uint16_t>(type), 0, 0);
  writer.append(payload);
  writer.close_message(begin);
  return {writer.bytes().begin(), writer.bytes().end()};
}

void check_trace(const NetlinkMessage& message) {
  const auto event = net::probe::decode_trace_event(message);
  if (!event) return;
  require(event->type != core::packet::TraceEvent::Type::rule || event->rule != 0);
  static_cast<void>(core::packet::to_text(Observation(*event)));
  net::probe::TraceFilter filter("pona-diag-ee2ed7b7", recorded_cookie(core::packet::tcp), {});
  const bool kept = filter.keeps(*event);
  require(filter.keeps(*event) == kept);
}

void check_packet(ByteView packet) {
  for (const std::uint8_t protocol : {core::packet::tcp, core::packet::udp, core::packet::icmp}) {
    const Cookie cookie = recorded_cookie(protocol);
    const auto sighting = core::packet::find_cookie(packet, cookie);
    if (sighting) require(sighting->offset < packet.size());
    const net::probe::Frame frame{{packet.begin(), packet.end()}, {}, {}, {}};
    if (auto captured = net::probe::read_capture(frame, cookie)) {
      require(sighting && captured->relation == sighting->relation);
      static_cast<void>(core::packet::to_text(Observation(*captured)));
    }
    if (const auto whole = core::packet::parse_packet(packet)) {
      if (const auto own = net::probe::cookie_of(*whole, packet)) {
        static_cast<void>(core::packet::find_cookie(packet, *own));
      }
    }
    net::probe::DropRecord record;
    std::copy_n(packet.begin(), std::min(packet.size(), record.bytes.size()), record.bytes.begin());
    if (const auto drop = net::probe::read_drop(record, cookie, {})) {
      static_cast<void>(core::packet::to_text(Observation(*drop)));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned kind = input.byte() % 4;
  if (kind == 3) {
    check_packet(input.rest());
    return 0;
  }
  const int types[] = {NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE,
                       NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
                       NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE};
  const auto bytes = message_of(types[kind], input.rest());
  net::for_each_message(bytes, [&](const NetlinkMessage& message) {
    check_trace(message);
    if (const auto event = net::probe::decode_connection_event(message)) {
      static_cast<void>(core::packet::to_text(Observation(*event)));
    }
  });
  return 0;
}
