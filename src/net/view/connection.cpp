// Tracked connections of any protocol (linux/netfilter/nfnetlink_conntrack.h).
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <cstdint>
#include <optional>

#include "net/view/decode.hpp"

namespace net::view {
namespace {

using core::packet::Connection;
using core::packet::FlowTuple;

bool is_icmp(std::uint8_t protocol) {
  return protocol == core::packet::icmp || protocol == core::packet::icmpv6;
}

std::optional<FlowTuple> decode_tuple(ByteView bytes) {
  const Attributes parts(bytes);
  const Attributes ip(parts[CTA_TUPLE_IP]);
  const Attributes proto(parts[CTA_TUPLE_PROTO]);
  const bool ipv4 = ip.has(CTA_IP_V4_SRC);
  const auto source = ip.address(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
  const auto destination = ip.address(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST);
  const auto number = proto.u8(CTA_PROTO_NUM);
  if (!source || !destination || !number) return std::nullopt;
  FlowTuple tuple{*number, *source, *destination, 0, 0};
  if (is_icmp(*number)) {
    const auto id = proto.be16(ipv4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID).value_or(0);
    tuple.source_port = tuple.destination_port = id;
  } else {
    tuple.source_port = proto.be16(CTA_PROTO_SRC_PORT).value_or(0);
    tuple.destination_port = proto.be16(CTA_PROTO_DST_PORT).value_or(0);
  }
  return tuple;
}

}  // namespace

std::optional<Connection> decode_connection(const NetlinkMessage& message) {
  const auto header = header_in<nfgenmsg>(message);
  if (message.type >> 8 != NFNL_SUBSYS_CTNETLINK || !header) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  const auto original = decode_tuple(attributes[CTA_TUPLE_ORIG]);
  const auto reply = decode_tuple(attributes[CTA_TUPLE_REPLY]);
  if (!original || !reply) return std::nullopt;
  Connection connection;
  connection.original = *original;
  connection.reply = *reply;
  connection.mark = attributes.be32(CTA_MARK).value_or(0);
  connection.status = attributes.be32(CTA_STATUS).value_or(0);
  connection.id = attributes.be32(CTA_ID).value_or(0);
  connection.timeout = attributes.be32(CTA_TIMEOUT).value_or(0);
  connection.zone = attributes.be16(CTA_ZONE).value_or(0);
  connection.in_kernel = true;
  const Attributes info(attributes[CTA_PROTOINFO]);
  connection.tcp_state =
      Attributes(info[CTA_PROTOINFO_TCP]).u8(CTA_PROTOINFO_TCP_STATE).value_or(0);
  return connection;
}

Message encode_get_connection(const FlowTuple& tuple) {
  nfgenmsg header{};
  header.nfgen_family = address_family(tuple.source.family());
  header.version = NFNETLINK_V0;
  Message message = make_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0, header);
  const bool ipv4 = tuple.source.family() == core::Family::ipv4;
  put_nest(*message, CTA_TUPLE_ORIG, [&] {
    put_nest(*message, CTA_TUPLE_IP, [&] {
      put(*message, ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple.source.bytes());
      put(*message, ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple.destination.bytes());
    });
    put_nest(*message, CTA_TUPLE_PROTO, [&] {
      put_u8(*message, CTA_PROTO_NUM, tuple.protocol);
      if (tuple.protocol == core::packet::icmp) {
        put_be16(*message, CTA_PROTO_ICMP_ID, tuple.source_port);
        put_u8(*message, CTA_PROTO_ICMP_TYPE, 8);
        put_u8(*message, CTA_PROTO_ICMP_CODE, 0);
      } else if (tuple.protocol == core::packet::icmpv6) {
        put_be16(*message, CTA_PROTO_ICMPV6_ID, tuple.source_port);
        put_u8(*message, CTA_PROTO_ICMPV6_TYPE, 128);
        put_u8(*message, CTA_PROTO_ICMPV6_CODE, 0);
      } else {
        put_be16(*message, CTA_PROTO_SRC_PORT, tuple.source_port);
        put_be16(*message, CTA_PROTO_DST_PORT, tuple.destination_port);
      }
    });
  });
  return message;
}

}  // namespace net::view
