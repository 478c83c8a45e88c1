#include <arpa/inet.h>
#include <net/if.h>

#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

#include <array>
#include <string>

#include "net/packet/decode_xt.hpp"
#include "net/packet/xt_info.hpp"

namespace net {

using namespace core::packet;

namespace {

using TargetKind = decltype(XtTarget::what);

// IPSET_INVALID_ID, which only the kernel's own header has.
constexpr ip_set_id_t no_set = 65535;

TargetKind set_mark(std::uint32_t revision, ByteView bytes, TableFamily) {
  const auto info = xt_info<xt_mark_tginfo2>(bytes);
  if (!info || revision != 2) return {};
  return XtSetMark{info->mark, info->mask, false};
}

TargetKind connection_mark_of(std::uint8_t mode, std::uint32_t mark, std::uint32_t connection_mask,
                              std::uint32_t packet_mask) {
  switch (mode) {
    case XT_CONNMARK_SET:
      return XtSetMark{mark, connection_mask, true};
    case XT_CONNMARK_SAVE:
      return XtCopyMark{true, connection_mask, packet_mask};
    case XT_CONNMARK_RESTORE:
      return XtCopyMark{false, connection_mask, packet_mask};
    default:
      return {};
  }
}

TargetKind connection_mark(std::uint32_t revision, ByteView bytes, TableFamily) {
  if (revision == 1) {
    const auto info = xt_info<xt_connmark_tginfo1>(bytes);
    if (!info) return {};
    return connection_mark_of(info->mode, info->ctmark, info->ctmask, info->nfmask);
  }
  const auto info = xt_info<xt_connmark_tginfo2>(bytes);
  if (!info || revision != 2 || info->shift_bits != 0) return {};
  return connection_mark_of(info->mode, info->ctmark, info->ctmask, info->nfmask);
}

// Of nf_nat_range and nf_nat_range2.
template <typename Range>
TargetKind nat_of(ByteView bytes, XtNat::Kind kind, TableFamily family) {
  const auto range = xt_info<Range>(bytes);
  if (!range) return {};
  XtNat result;
  result.kind = kind;
  result.flags = range->flags;
  result.address_min = xt_address(range->min_addr, family);
  result.address_max = xt_address(range->max_addr, family);
  result.port_min = ntohs(range->min_proto.all);
  result.port_max = ntohs(range->max_proto.all);
  return result;
}

TargetKind nat_of_ipv4(ByteView bytes, XtNat::Kind kind) {
  const auto ranges = xt_info<nf_nat_ipv4_multi_range_compat>(bytes);
  if (!ranges || ranges->rangesize != 1) return {};
  const nf_nat_ipv4_range& range = ranges->range[0];
  XtNat result;
  result.kind = kind;
  result.flags = range.flags;
  result.address_min = xt_address(range.min_ip, TableFamily::ip);
  result.address_max = xt_address(range.max_ip, TableFamily::ip);
  result.port_min = ntohs(range.min.all);
  result.port_max = ntohs(range.max.all);
  return result;
}

TargetKind nat_to(std::uint32_t revision, ByteView bytes, TableFamily family, XtNat::Kind kind) {
  if (revision == 0 && family == TableFamily::ip) return nat_of_ipv4(bytes, kind);
  if (revision == 1) return nat_of<nf_nat_range>(bytes, kind, family);
  if (revision == 2) return nat_of<nf_nat_range2>(bytes, kind, family);
  return {};
}

TargetKind destination_nat(std::uint32_t revision, ByteView bytes, TableFamily family) {
  return nat_to(revision, bytes, family, XtNat::Kind::destination);
}
TargetKind source_nat(std::uint32_t revision, ByteView bytes, TableFamily family) {
  return nat_to(revision, bytes, family, XtNat::Kind::source);
}

// These have one revision, which differs by family.
TargetKind nat_by_family(std::uint32_t revision, ByteView bytes, TableFamily family,
                         XtNat::Kind kind) {
  if (revision != 0) return {};
  if (family == TableFamily::ip) return nat_of_ipv4(bytes, kind);
  return nat_of<nf_nat_range>(bytes, kind, family);
}

TargetKind masquerading(std::uint32_t revision, ByteView bytes, TableFamily family) {
  return nat_by_family(revision, bytes, family, XtNat::Kind::masquerade);
}
TargetKind redirecting(std::uint32_t revision, ByteView bytes, TableFamily family) {
  return nat_by_family(revision, bytes, family, XtNat::Kind::redirect);
}

TargetKind rejecting(std::uint32_t revision, ByteView bytes, TableFamily family) {
  const auto info = xt_info<ip6t_reject_info>(bytes);  // ipt_reject_info has the same layout
  if (!info || revision != 0) return {};
  const std::uint32_t reset =
      family == TableFamily::ip6 ? std::uint32_t{IP6T_TCP_RESET} : std::uint32_t{IPT_TCP_RESET};
  return XtReject{info->with, info->with == reset};
}

TargetKind clamp_mss(std::uint32_t revision, ByteView bytes, TableFamily) {
  const auto info = xt_info<xt_tcpmss_info>(bytes);
  if (!info || revision != 0) return {};
  return XtTcpMss{info->mss};
}

TargetKind tracking(std::uint32_t revision, ByteView bytes, TableFamily) {
  std::uint16_t flags = 0;
  std::uint16_t zone = 0;
  if (revision == 0) {
    const auto info = xt_info<xt_ct_target_info>(bytes);
    if (!info) return {};
    flags = info->flags;
    zone = info->zone;
  } else {
    const auto info = xt_info<xt_ct_target_info_v1>(bytes);
    if (!info || revision > 2) return {};
    flags = info->flags;
    zone = info->zone;
  }
  if ((flags & XT_CT_NOTRACK) != 0) return XtUntrack{};
  // A zone of its own, or one by the mark, is another table of connections.
  if (zone != 0 || (flags & ~XT_CT_NOTRACK_ALIAS) != 0) return {};
  return XtPasses{};
}

TargetKind untracked(std::uint32_t revision, ByteView bytes, TableFamily) {
  if (revision != 0 || !bytes.empty()) return {};
  return XtUntrack{};
}

// The last revision may give the packet the mark of a set's element.
TargetKind change_set(std::uint32_t revision, ByteView bytes, TableFamily) {
  if (revision < 3) return XtPasses{};
  const auto info = xt_info<xt_set_info_target_v3>(bytes);
  if (!info || revision != 3 || info->map_set.index != no_set) return {};
  return XtPasses{};
}

TargetKind passing(std::uint32_t, ByteView, TableFamily) { return XtPasses{}; }

struct TargetDecoder {
  std::string_view name;
  TargetKind (*decode)(std::uint32_t revision, ByteView info, TableFamily family);
};
constexpr std::array target_decoders = {
    TargetDecoder{"MARK", set_mark},
    TargetDecoder{"CONNMARK", connection_mark},
    TargetDecoder{"DNAT", destination_nat},
    TargetDecoder{"SNAT", source_nat},
    TargetDecoder{"MASQUERADE", masquerading},
    TargetDecoder{"REDIRECT", redirecting},
    TargetDecoder{"REJECT", rejecting},
    TargetDecoder{"TCPMSS", clamp_mss},
    TargetDecoder{"CT", tracking},
    TargetDecoder{"NOTRACK", untracked},
    TargetDecoder{"SET", change_set},
    TargetDecoder{"LOG", passing},
    TargetDecoder{"NFLOG", passing},
    TargetDecoder{"TRACE", passing},
    TargetDecoder{"AUDIT", passing},
    TargetDecoder{"CHECKSUM", passing},
    TargetDecoder{"RATEEST", passing},
    TargetDecoder{"TEE", passing},
};

}  // namespace

XtTarget decode_xt_target(std::string_view name, std::uint32_t revision, ByteView info,
                          TableFamily family) {
  XtTarget result{std::string(name), revision, {}};
  for (const TargetDecoder& decoder : target_decoders) {
    if (decoder.name == name) result.what = decoder.decode(revision, info, family);
  }
  return result;
}

}  // namespace net
