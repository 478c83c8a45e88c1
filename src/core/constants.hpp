// Every number and name that pona claims in the kernel, with who uses it and how to see it on a
// host. Nothing else in the tree may spell one of these out.
#pragma once

#include <cstdint>
#include <string_view>

namespace core::constants {

// The edge's nftables table, once in family ip and once in ip6.     nft list table ip pona-edge
inline constexpr std::string_view edge_table = "pona-edge";

// Owner of the edge's routes and rules (rtm_protocol, FRA_PROTOCOL). ip route show table all proto
// 112 112 is unassigned in iproute2's rt_protos and in the kernel's rtnetlink.h.
inline constexpr std::uint8_t edge_protocol = 112;

// One routing table per external interface: base + the interface's number (1..63).
//                                                                   ip route show table 11201
inline constexpr std::uint32_t edge_route_table_base = 11200;

// ip rule priorities of the edge: before main (32766), after local (0).      ip rule show
// The first lets specific routes of main win for connections that pods open (SNAT mode).
inline constexpr std::uint32_t edge_rule_priority_specific = 1120;
inline constexpr std::uint32_t edge_rule_priority = 1121;

// Bits of the packet and connection mark that the edge uses; --mark-mask changes them. Kept clear
// of kube-proxy (0x4000, 0x8000), SmartNat (0x100000 and below 0x1000) and Cilium (0xf00).
inline constexpr std::uint32_t edge_mark_mask = 0x1fe00000;

// Seed of the flow hash: the same on every appliance, so that all choose the same endpoint
// ("pona").
inline constexpr std::uint32_t hash_seed = 0x706f6e61;

// Hook priorities. dstnat/srcnat - 1: ahead of kube-proxy's and Docker's nat chains, because the
// first to translate a connection wins.
inline constexpr int priority_dstnat = -101;
inline constexpr int priority_srcnat = 99;
inline constexpr int priority_mangle = -150;
inline constexpr int priority_filter = -1;

// The class of Services of type LoadBalancer that edges serve (spec.loadBalancerClass). See it
// with: kubectl get services -A -o custom-columns=NAME:.metadata.name,CLASS:.spec.loadBalancerClass
inline constexpr std::string_view load_balancer_class = "pona.dev/edge";

}  // namespace core::constants
