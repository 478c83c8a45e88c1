#include <arpa/inet.h>
#include <net/if.h>

#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpudp.h>

#include <algorithm>
#include <array>
#include <string>

#include "net/packet/decode_xt.hpp"
#include "net/packet/xt_info.hpp"

namespace net {

using namespace core::packet;

namespace {

using MatchKind = decltype(XtMatch::what);
constexpr std::uint8_t udplite = 136;

// ipt_icmp and ip6t_icmp: the headers that have them cannot be included together.
struct IcmpInfo {
  std::uint8_t type;
  std::uint8_t code[2];
  std::uint8_t inverse;  // IPT_ICMP_INV
};

template <typename Info>
MatchKind mark_of(ByteView bytes, bool connection) {
  const auto info = xt_info<Info>(bytes);
  if (!info) return {};
  return XtMark{info->mark, info->mask, info->invert != 0, connection};
}

template <typename Info>
XtConntrack conntrack_of(const Info& info, TableFamily family) {
  XtConntrack result;
  result.flags = info.match_flags;
  result.inverted = info.invert_flags;
  result.states = info.state_mask;
  result.status = info.status_mask;
  result.protocol = info.l4proto;
  result.original_source.address = xt_address(info.origsrc_addr, family);
  result.original_source.mask = xt_address(info.origsrc_mask, family);
  result.original_destination.address = xt_address(info.origdst_addr, family);
  result.original_destination.mask = xt_address(info.origdst_mask, family);
  result.reply_source.address = xt_address(info.replsrc_addr, family);
  result.reply_source.mask = xt_address(info.replsrc_mask, family);
  result.reply_destination.address = xt_address(info.repldst_addr, family);
  result.reply_destination.mask = xt_address(info.repldst_mask, family);
  return result;
}

core::PortRange one_port(std::uint16_t big_endian) {
  const std::uint16_t port = ntohs(big_endian);
  return {port, port};
}

// Of the revisions 1 and 2.
template <typename Info>
MatchKind conntrack_with_single_ports(ByteView bytes, TableFamily family) {
  const auto info = xt_info<Info>(bytes);
  if (!info) return {};
  XtConntrack result = conntrack_of(*info, family);
  result.original_source.ports = one_port(info->origsrc_port);
  result.original_destination.ports = one_port(info->origdst_port);
  result.reply_source.ports = one_port(info->replsrc_port);
  result.reply_destination.ports = one_port(info->repldst_port);
  return result;
}

MatchKind conntrack(std::uint32_t revision, ByteView bytes, TableFamily family) {
  if (revision == 1) return conntrack_with_single_ports<xt_conntrack_mtinfo1>(bytes, family);
  if (revision == 2) return conntrack_with_single_ports<xt_conntrack_mtinfo2>(bytes, family);
  const auto info = xt_info<xt_conntrack_mtinfo3>(bytes);
  if (!info || revision != 3) return {};
  XtConntrack result = conntrack_of(*info, family);
  result.original_source.ports = {info->origsrc_port, info->origsrc_port_high};
  result.original_destination.ports = {info->origdst_port, info->origdst_port_high};
  result.reply_source.ports = {info->replsrc_port, info->replsrc_port_high};
  result.reply_destination.ports = {info->repldst_port, info->repldst_port_high};
  return result;
}

MatchKind state(std::uint32_t revision, ByteView bytes, TableFamily) {
  const auto info = xt_info<xt_state_info>(bytes);
  if (!info || revision != 0) return {};
  XtConntrack result;
  result.flags = XT_CONNTRACK_STATE;
  result.states = static_cast<std::uint16_t>(info->statemask);
  return result;
}

MatchKind mark(std::uint32_t revision, ByteView bytes, TableFamily) {
  if (revision != 1) return {};
  return mark_of<xt_mark_mtinfo1>(bytes, false);
}

MatchKind connmark(std::uint32_t revision, ByteView bytes, TableFamily) {
  if (revision != 1) return {};
  return mark_of<xt_connmark_mtinfo1>(bytes, true);
}

template <typename Info>
MatchKind set_of(ByteView bytes) {
  const auto info = xt_info<Info>(bytes);
  if (!info) return {};
  return XtSet{info->match_set.index, (info->match_set.flags & IPSET_INV_MATCH) != 0};
}

MatchKind set(std::uint32_t revision, ByteView bytes, TableFamily) {
  switch (revision) {
    case 0: {
      const auto info = xt_info<xt_set_info_match_v0>(bytes);
      if (!info) return {};
      return XtSet{info->match_set.index, (info->match_set.u.flags[0] & IPSET_MATCH_INV) != 0};
    }
    case 1:
    case 2:  // the same, with other options
      return set_of<xt_set_info_match_v1>(bytes);
    case 3:
      return set_of<xt_set_info_match_v3>(bytes);
    case 4:
      return set_of<xt_set_info_match_v4>(bytes);
    default:
      return {};
  }
}

MatchKind comment(std::uint32_t revision, ByteView bytes, TableFamily) {
  const auto info = xt_info<xt_comment_info>(bytes);
  if (!info || revision != 0) return {};
  return XtComment{{info->comment, strnlen(info->comment, sizeof info->comment)}};
}

MatchKind multiport(std::uint32_t revision, ByteView bytes, TableFamily) {
  xt_multiport_v1 info{};
  if (revision == 0) {
    const auto old = xt_info<xt_multiport>(bytes);
    if (!old) return {};
    info.flags = old->flags;
    info.count = old->count;
    std::copy(std::begin(old->ports), std::end(old->ports), std::begin(info.ports));
  } else {
    const auto now = xt_info<xt_multiport_v1>(bytes);
    if (!now || revision != 1) return {};
    info = *now;
  }
  if (info.flags > XT_MULTIPORT_EITHER || info.count > XT_MULTI_PORTS) return {};
  XtMultiport result;
  result.of = static_cast<XtMultiport::Of>(info.flags);
  result.inverted = info.invert != 0;
  for (std::size_t i = 0; i < info.count; ++i) {
    core::PortRange range{info.ports[i], info.ports[i]};
    if (info.pflags[i] != 0) {
      if (++i == info.count) return {};
      range.last = info.ports[i];
    }
    result.ports.push_back(range);
  }
  return result;
}

MatchKind address_type(std::uint32_t revision, ByteView bytes, TableFamily) {
  if (revision == 0) {
    const auto info = xt_info<xt_addrtype_info>(bytes);
    if (!info) return {};
    return XtAddrtype{info->source, info->dest, info->invert_source != 0, info->invert_dest != 0};
  }
  const auto info = xt_info<xt_addrtype_info_v1>(bytes);
  if (!info || revision != 1) return {};
  const auto has = [&](std::uint32_t flag) { return (info->flags & flag) != 0; };
  return XtAddrtype{info->source,
                    info->dest,
                    has(XT_ADDRTYPE_INVERT_SOURCE),
                    has(XT_ADDRTYPE_INVERT_DEST),
                    has(XT_ADDRTYPE_LIMIT_IFACE_IN),
                    has(XT_ADDRTYPE_LIMIT_IFACE_OUT)};
}

MatchKind statistic(std::uint32_t revision, ByteView bytes, TableFamily) {
  const auto info = xt_info<xt_statistic_info>(bytes);
  if (!info || revision != 0 || info->mode > XT_STATISTIC_MODE_MAX) return {};
  XtStatistic result;
  result.random = info->mode == XT_STATISTIC_MODE_RANDOM;
  (result.random ? result.probability : result.every) =
      result.random ? info->u.random.probability : info->u.nth.every;
  result.inverted = (info->flags & XT_STATISTIC_INVERT) != 0;
  return result;
}

template <typename Info>
XtPorts ports_of(const Info& info, std::uint8_t protocol, std::uint8_t source,
                 std::uint8_t destination) {
  XtPorts result;
  result.protocol = protocol;
  result.source = {info.spts[0], info.spts[1]};
  result.destination = {info.dpts[0], info.dpts[1]};
  result.source_inverted = (info.invflags & source) != 0;
  result.destination_inverted = (info.invflags & destination) != 0;
  return result;
}

MatchKind tcp_header(std::uint32_t revision, ByteView bytes, TableFamily) {
  const auto info = xt_info<xt_tcp>(bytes);
  if (!info || revision != 0 || (info->invflags & ~XT_TCP_INV_MASK) != 0) return {};
  XtPorts result = ports_of(*info, tcp, XT_TCP_INV_SRCPT, XT_TCP_INV_DSTPT);
  result.flags_mask = info->flg_mask;
  result.flags = info->flg_cmp;
  result.flags_inverted = (info->invflags & XT_TCP_INV_FLAGS) != 0;
  result.option = info->option;
  result.option_inverted = (info->invflags & XT_TCP_INV_OPTION) != 0;
  return result;
}

MatchKind udp_of(std::uint32_t revision, ByteView bytes, std::uint8_t protocol) {
  const auto info = xt_info<xt_udp>(bytes);
  if (!info || revision != 0 || (info->invflags & ~XT_UDP_INV_MASK) != 0) return {};
  return ports_of(*info, protocol, XT_UDP_INV_SRCPT, XT_UDP_INV_DSTPT);
}

MatchKind udp_header(std::uint32_t revision, ByteView bytes, TableFamily) {
  return udp_of(revision, bytes, udp);
}

MatchKind udplite_header(std::uint32_t revision, ByteView bytes, TableFamily) {
  return udp_of(revision, bytes, udplite);
}

MatchKind icmp_header(std::uint32_t revision, ByteView bytes, TableFamily) {
  const auto info = xt_info<IcmpInfo>(bytes);
  if (!info || revision != 0 || info->inverse > 1) return {};
  return XtIcmp{info->type, info->code[0], info->code[1], info->inverse != 0};
}

struct MatchDecoder {
  std::string_view name;
  MatchKind (*decode)(std::uint32_t revision, ByteView info, TableFamily family);
};
constexpr std::array match_decoders = {
    MatchDecoder{"comment", comment},     MatchDecoder{"conntrack", conntrack},
    MatchDecoder{"state", state},         MatchDecoder{"mark", mark},
    MatchDecoder{"connmark", connmark},   MatchDecoder{"set", set},
    MatchDecoder{"multiport", multiport}, MatchDecoder{"addrtype", address_type},
    MatchDecoder{"statistic", statistic}, MatchDecoder{"tcp", tcp_header},
    MatchDecoder{"udp", udp_header},      MatchDecoder{"udplite", udplite_header},
    MatchDecoder{"icmp", icmp_header},    MatchDecoder{"icmp6", icmp_header},
};

}  // namespace

XtMatch decode_xt_match(std::string_view name, std::uint32_t revision, ByteView info,
                        TableFamily family) {
  XtMatch result{std::string(name), revision, {}};
  for (const MatchDecoder& decoder : match_decoders) {
    if (decoder.name == name) result.what = decoder.decode(revision, info, family);
  }
  return result;
}

}  // namespace net
