#include "net/conntrack.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <vector>

#include "net/sysctl.hpp"

namespace net {
namespace {

// What of CTA_TUPLE_ORIG counts in a filtered dump: net/netfilter/nf_internals.h, CTA_FILTER_F_*,
// which the kernel does not export.
constexpr std::uint32_t filter_destination = 1 << 1;
constexpr std::uint32_t filter_protocol = 1 << 3;
constexpr std::uint32_t filter_destination_port = 1 << 5;

constexpr int message_type(int type) { return NFNL_SUBSYS_CTNETLINK << 8 | type; }

nfgenmsg family_header(core::Family family) {
  nfgenmsg header{};
  header.nfgen_family = address_family(family);
  header.version = NFNETLINK_V0;
  return header;
}

struct ProtocolTuple {
  std::uint8_t protocol = 0;
  core::Tuple tuple;
};

std::optional<ProtocolTuple> decode_tuple(ByteView bytes) {
  const Attributes parts(bytes);
  const Attributes ip(parts[CTA_TUPLE_IP]);
  const Attributes proto(parts[CTA_TUPLE_PROTO]);
  const bool ipv4 = ip.has(CTA_IP_V4_SRC);
  const auto source = ip.address(ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
  const auto destination = ip.address(ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST);
  const auto number = proto.u8(CTA_PROTO_NUM);
  if (!source || !destination || !number) return std::nullopt;
  return ProtocolTuple{*number,
                       {.source = *source,
                        .destination = *destination,
                        .source_port = proto.be16(CTA_PROTO_SRC_PORT).value_or(0),
                        .destination_port = proto.be16(CTA_PROTO_DST_PORT).value_or(0)}};
}

void put_tuple(nl_msg& message, int number, core::Protocol protocol, const core::Tuple& tuple) {
  const bool ipv4 = tuple.source.family() == core::Family::ipv4;
  put_nest(message, number, [&] {
    put_nest(message, CTA_TUPLE_IP, [&] {
      put(message, ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple.source.bytes());
      put(message, ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple.destination.bytes());
    });
    put_nest(message, CTA_TUPLE_PROTO, [&] {
      put_u8(message, CTA_PROTO_NUM, static_cast<std::uint8_t>(protocol));
      put_be16(message, CTA_PROTO_SRC_PORT, tuple.source_port);
      put_be16(message, CTA_PROTO_DST_PORT, tuple.destination_port);
    });
  });
}

std::uint64_t read_number(std::string_view key) {
  std::uint64_t number = 0;
  const std::string text = read_sysctl(key).value_or("0");
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::optional<core::Flow> decode_flow(const NetlinkMessage& message) {
  const auto header = header_in<nfgenmsg>(message);
  if (message.type != message_type(IPCTNL_MSG_CT_NEW) || !header) return std::nullopt;
  const Attributes attributes(message, sizeof *header);
  const auto original = decode_tuple(attributes[CTA_TUPLE_ORIG]);
  const auto reply = decode_tuple(attributes[CTA_TUPLE_REPLY]);
  if (!original || !reply) return std::nullopt;

  core::Flow flow;
  flow.protocol = static_cast<core::Protocol>(original->protocol);
  if (flow.protocol != core::Protocol::tcp && flow.protocol != core::Protocol::udp &&
      flow.protocol != core::Protocol::sctp) {
    return std::nullopt;
  }
  flow.original = original->tuple;
  flow.reply = reply->tuple;
  flow.mark = attributes.be32(CTA_MARK).value_or(0);
  flow.status = attributes.be32(CTA_STATUS).value_or(0);
  flow.id = attributes.be32(CTA_ID).value_or(0);
  const Attributes info(attributes[CTA_PROTOINFO]);
  flow.tcp_state = Attributes(info[CTA_PROTOINFO_TCP]).u8(CTA_PROTOINFO_TCP_STATE).value_or(0);
  return flow;
}

Message encode_dump_flows(core::Family family, const core::FlowFilter& filter) {
  Message message = make_message(message_type(IPCTNL_MSG_CT_GET), 0, family_header(family));
  std::uint32_t flags = 0;
  // Not for IPv6: kernels up to 6.18 at least compare the addresses there the wrong way round, and
  // leave out just those that are asked for.
  const bool with_address = filter.original_destination && family == core::Family::ipv4;
  if (with_address) flags |= filter_destination;
  if (filter.protocol) flags |= filter_protocol;
  // The kernel understands a port only as that of some protocol.
  const bool with_port = filter.protocol && filter.original_destination_port;
  if (with_port) flags |= filter_destination_port;
  if (flags == 0) return message;

  put_nest(*message, CTA_TUPLE_ORIG, [&] {
    // Both parts must be there, whichever of them counts.
    put_nest(*message, CTA_TUPLE_IP, [&] {
      if (with_address) put(*message, CTA_IP_V4_DST, filter.original_destination->bytes());
    });
    put_nest(*message, CTA_TUPLE_PROTO, [&] {
      if (filter.protocol) {
        put_u8(*message, CTA_PROTO_NUM, static_cast<std::uint8_t>(*filter.protocol));
      }
      if (with_port) put_be16(*message, CTA_PROTO_DST_PORT, *filter.original_destination_port);
    });
  });
  put_nest(*message, CTA_FILTER, [&] { put_u32(*message, CTA_FILTER_ORIG_FLAGS, flags); });
  return message;
}

Message encode_delete_flow(const core::Flow& flow) {
  const core::Family family = flow.original.source.family();
  Message message = make_message(message_type(IPCTNL_MSG_CT_DELETE), 0, family_header(family));
  put_tuple(*message, CTA_TUPLE_ORIG, flow.protocol, flow.original);
  put_be32(*message, CTA_ID, flow.id);
  return message;
}

bool fits(const core::Flow& flow, const core::FlowFilter& filter) {
  return (!filter.protocol || *filter.protocol == flow.protocol) &&
         (!filter.original_destination ||
          *filter.original_destination == flow.original.destination) &&
         (!filter.original_destination_port ||
          *filter.original_destination_port == flow.original.destination_port);
}

std::size_t sweep_flows(RequestSocket& netfilter, const core::FlowFilter& filter,
                        const std::function<bool(const core::Flow&)>& visit) {
  std::vector<core::Flow> doomed;
  const auto look = [&](const NetlinkMessage& message) {
    const auto flow = decode_flow(message);
    if (flow && fits(*flow, filter) && visit(*flow)) doomed.push_back(*flow);
  };
  for (const core::Family family : {core::Family::ipv4, core::Family::ipv6}) {
    if (filter.original_destination && filter.original_destination->family() != family) continue;
    Answer answer = netfilter.stream(*encode_dump_flows(family, filter), look);
    if (answer.error == EINVAL || answer.error == EOPNOTSUPP) {
      // Refused before anything was visited: a kernel that knows another form of the filter.
      answer = netfilter.stream(*encode_dump_flows(family, {}), look);
    }
    if (!answer.ok() && answer.error != EINTR) {
      throw core::Error(kind_of(answer.error),
                        "cannot list tracked connections: " + to_string(answer));
    }
  }

  // Not while the dump runs: the same socket answers both.
  std::size_t deleted = 0;
  for (const core::Flow& flow : doomed) {
    const Answer answer = netfilter.request(*encode_delete_flow(flow));
    if (answer.ok()) ++deleted;
    if (answer.ok() || answer.error == ENOENT) continue;  // it ended by itself
    throw core::Error(kind_of(answer.error), "cannot delete the tracked connection from " +
                                                 to_string(flow.original.source) + " to " +
                                                 to_string(flow.original.destination) + ": " +
                                                 to_string(answer));
  }
  return deleted;
}

Kernel::ConntrackFill read_conntrack_fill() {
  return {.entries = read_number("net/netfilter/nf_conntrack_count"),
          .limit = read_number("net/netfilter/nf_conntrack_max")};
}

}  // namespace net
