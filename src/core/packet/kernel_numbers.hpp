// The kernel's numbers that expressions hold, as linux/netfilter has them: core includes no headers
// of the kernel.
#pragma once

#include <cstdint>

namespace core::packet {

enum MetaKey : std::uint32_t {  // NFT_META_*
  meta_len,
  meta_protocol,
  meta_priority,
  meta_mark,
  meta_iif,
  meta_oif,
  meta_iifname,
  meta_oifname,
  meta_iiftype,
  meta_oiftype,
  meta_skuid,
  meta_skgid,
  meta_nftrace,
  meta_rtclassid,
  meta_secmark,
  meta_nfproto,
  meta_l4proto,
  meta_bri_iifname,
  meta_bri_oifname,
  meta_pkttype,
  meta_cpu,
  meta_iifgroup,
  meta_oifgroup,
  meta_cgroup,
  meta_prandom,
  meta_secpath,
  meta_iifkind,
  meta_oifkind,
  meta_bri_iifpvid,
  meta_bri_iifvproto,
  meta_time_ns,
  meta_time_day,
  meta_time_hour,
  meta_sdif,
  meta_sdifname,
  meta_bri_broute,
};

enum CtKey : std::uint32_t {  // NFT_CT_*
  ct_state,
  ct_direction,
  ct_status,
  ct_mark,
  ct_secmark,
  ct_expiration,
  ct_helper,
  ct_l3protocol,
  ct_src,
  ct_dst,
  ct_protocol,
  ct_proto_src,
  ct_proto_dst,
  ct_labels,
  ct_pkts,
  ct_bytes,
  ct_avgpkt,
  ct_zone,
  ct_eventmask,
  ct_src_ip,
  ct_dst_ip,
  ct_src_ip6,
  ct_dst_ip6,
  ct_id,
};

enum RtKey : std::uint32_t { rt_classid, rt_nexthop4, rt_nexthop6, rt_tcpmss, rt_ipsec };
enum SocketKey : std::uint32_t {
  socket_transparent,
  socket_mark,
  socket_wildcard,
  socket_cgroupv2
};
enum FibResult : std::uint32_t { fib_oif = 1, fib_oifname = 2, fib_addrtype = 3 };
enum FibFlag : std::uint32_t {
  fib_saddr = 1,
  fib_daddr = 2,
  fib_mark = 4,
  fib_iif = 8,
  fib_by_oif = 16,
  fib_present = 32
};
enum ExthdrOp : std::uint32_t {
  exthdr_ipv6,
  exthdr_tcp_option,
  exthdr_ipv4,
  exthdr_sctp,
  exthdr_dccp
};
enum RejectType : std::uint32_t { reject_icmp, reject_tcp_reset, reject_icmpx };
enum SetFlag : std::uint32_t {
  set_anonymous = 1,
  set_constant = 2,
  set_interval = 4,
  set_map = 8,
  set_concat = 0x80
};
enum NatFlag : std::uint32_t {  // NF_NAT_RANGE_*
  nat_map_ips = 1,
  nat_proto_specified = 2,
  nat_proto_random = 4,
  nat_persistent = 8,
  nat_proto_random_fully = 16,
  nat_netmap = 64
};
enum ConntrackFlag : std::uint16_t {  // XT_CONNTRACK_*
  xt_ct_state = 1 << 0,
  xt_ct_proto = 1 << 1,
  xt_ct_orig_src = 1 << 2,
  xt_ct_orig_dst = 1 << 3,
  xt_ct_reply_src = 1 << 4,
  xt_ct_reply_dst = 1 << 5,
  xt_ct_status = 1 << 6,
  xt_ct_expires = 1 << 7,
  xt_ct_orig_src_port = 1 << 8,
  xt_ct_orig_dst_port = 1 << 9,
  xt_ct_reply_src_port = 1 << 10,
  xt_ct_reply_dst_port = 1 << 11,
  xt_ct_direction = 1 << 12,
};

// NF_CT_STATE_BIT(), NF_CT_STATE_*_BIT
inline constexpr std::uint32_t state_invalid = 1, state_established = 2, state_related = 4,
                               state_new = 8, state_untracked = 64;
// XT_CONNTRACK_STATE_*; the first four are those of above.
inline constexpr std::uint32_t xt_state_snat = 64, xt_state_dnat = 128, xt_state_untracked = 256;
// IPS_SRC_NAT, IPS_DST_NAT
inline constexpr std::uint32_t status_source_nat = 16, status_destination_nat = 32;

inline constexpr std::uint8_t nfproto_ipv4 = 2, nfproto_netdev = 5, nfproto_bridge = 7,
                              nfproto_ipv6 = 10;

}  // namespace core::packet
