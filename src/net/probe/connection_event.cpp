#include "net/probe/connection_event.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <array>

#include "net/netlink/message.hpp"

namespace net::probe {
namespace {

using core::packet::ConnectionEvent;
using core::packet::FlowTuple;

std::optional<FlowTuple> read_tuple(ByteView level) {
  const Attributes parts(level);
  const Attributes ip(parts[CTA_TUPLE_IP]);
  const Attributes protocol(parts[CTA_TUPLE_PROTO]);
  const bool ipv4 = ip.has(CTA_IP_V4_SRC);
  const auto source = ip.address(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
  const auto destination = ip.address(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST);
  const auto number = protocol.u8(CTA_PROTO_NUM);
  if (!source || !destination || !number) return std::nullopt;
  FlowTuple tuple{*number, *source, *destination, 0, 0};
  for (const int identifier : {CTA_PROTO_ICMP_ID, CTA_PROTO_ICMPV6_ID}) {
    const auto id = protocol.be16(static_cast<std::size_t>(identifier));
    if (id) tuple.source_port = tuple.destination_port = *id;
  }
  tuple.source_port = protocol.be16(CTA_PROTO_SRC_PORT).value_or(tuple.source_port);
  tuple.destination_port = protocol.be16(CTA_PROTO_DST_PORT).value_or(tuple.destination_port);
  return tuple;
}

}  // namespace

std::optional<ConnectionEvent> decode_connection_event(const NetlinkMessage& message) {
  const auto header = header_in<nfgenmsg>(message);
  const int kind = message.type & 0xff;
  if (!header || message.type >> 8 != NFNL_SUBSYS_CTNETLINK ||
      (kind != IPCTNL_MSG_CT_NEW && kind != IPCTNL_MSG_CT_DELETE)) {
    return std::nullopt;
  }
  const Attributes attributes(message, sizeof *header);
  const auto original = read_tuple(attributes[CTA_TUPLE_ORIG]);
  const auto reply = read_tuple(attributes[CTA_TUPLE_REPLY]);
  if (!original || !reply) return std::nullopt;

  ConnectionEvent event;
  event.kind = ConnectionEvent::Kind::ended;
  if (kind == IPCTNL_MSG_CT_NEW) {
    const bool fresh = (message.flags & (NLM_F_CREATE | NLM_F_EXCL)) != 0;
    event.kind = fresh ? ConnectionEvent::Kind::made : ConnectionEvent::Kind::changed;
  }
  event.connection.original = *original;
  event.connection.reply = *reply;
  event.connection.in_kernel = true;
  event.connection.status = attributes.be32(CTA_STATUS).value_or(0);
  event.connection.mark = attributes.be32(CTA_MARK).value_or(0);
  event.connection.zone = attributes.be16(CTA_ZONE).value_or(0);
  event.connection.id = attributes.be32(CTA_ID).value_or(0);
  event.connection.timeout = attributes.be32(CTA_TIMEOUT).value_or(0);
  const Attributes info(attributes[CTA_PROTOINFO]);
  event.connection.tcp_state =
      Attributes(info[CTA_PROTOINFO_TCP]).u8(CTA_PROTOINFO_TCP_STATE).value_or(0);
  return event;
}

NetlinkWriter connection_request(const FlowTuple& tuple, std::uint32_t sequence) {
  const bool ipv4 = tuple.source.family() == core::Family::ipv4;
  NetlinkWriter writer;
  const std::size_t begin =
      writer.begin_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_ACK, sequence);
  writer.append(std::array<std::uint8_t, 4>{address_family(tuple.source.family()), NFNETLINK_V0});
  const std::size_t level = writer.nest(CTA_TUPLE_ORIG);
  const std::size_t ip = writer.nest(CTA_TUPLE_IP);
  writer.put(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple.source.bytes());
  writer.put(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple.destination.bytes());
  writer.close(ip);
  const std::size_t protocol = writer.nest(CTA_TUPLE_PROTO);
  const auto put8 = [&](std::uint16_t attribute, std::uint8_t value) {
    writer.put(attribute, std::array<std::uint8_t, 1>{value});
  };
  const auto put16 = [&](std::uint16_t attribute, std::uint16_t value) {
    writer.put(attribute, std::array<std::uint8_t, 2>{static_cast<std::uint8_t>(value >> 8),
                                                      static_cast<std::uint8_t>(value)});
  };
  put8(CTA_PROTO_NUM, tuple.protocol);
  if (tuple.protocol == core::packet::icmp) {
    put16(CTA_PROTO_ICMP_ID, tuple.source_port);
    put8(CTA_PROTO_ICMP_TYPE, 8);
    put8(CTA_PROTO_ICMP_CODE, 0);
  } else if (tuple.protocol == core::packet::icmpv6) {
    put16(CTA_PROTO_ICMPV6_ID, tuple.source_port);
    put8(CTA_PROTO_ICMPV6_TYPE, 128);
    put8(CTA_PROTO_ICMPV6_CODE, 0);
  } else {
    put16(CTA_PROTO_SRC_PORT, tuple.source_port);
    put16(CTA_PROTO_DST_PORT, tuple.destination_port);
  }
  writer.close(protocol);
  writer.close(level);
  writer.close_message(begin);
  return writer;
}

}  // namespace net::probe
