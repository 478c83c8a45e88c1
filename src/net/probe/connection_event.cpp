#include "net/probe/connection_event.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

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

}  // namespace net::probe
