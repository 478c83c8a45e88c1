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

// One routing table per external interface: base + the interface's number (1..255).
//                                                                   ip route show table 11201
inline constexpr std::uint32_t edge_route_table_base = 11200;
inline constexpr std::uint32_t edge_route_tables = 255;

// ip rule priorities of the edge: before main (32766), after local (0).      ip rule show
// The first lets specific routes of main win for connections that pods open (SNAT mode).
inline constexpr std::uint32_t edge_rule_priority_specific = 1120;
inline constexpr std::uint32_t edge_rule_priority = 1121;

// Bits of the packet and connection mark that the edge uses; --mark-mask changes them. Kept clear
// of kube-proxy (0x4000, 0x8000), SmartNat (0x100000 and below 0x1000), Cilium (0xf00) and Antrea
// (0x80000000).
inline constexpr std::uint32_t edge_mark_mask = 0x7fe00000;

// Seed of the flow hash: the same on every appliance, so that all choose the same endpoint
// ("pona").
inline constexpr std::uint32_t hash_seed = 0x706f6e61;

// Hook priorities. dstnat/srcnat - 1: ahead of kube-proxy's and Docker's nat chains, because the
// first to translate a connection wins.
inline constexpr int priority_dstnat = -101;
inline constexpr int priority_srcnat = 99;
inline constexpr int priority_mangle = -150;
inline constexpr int priority_raw = -300;
inline constexpr int priority_filter = -1;

// The class of Services of type LoadBalancer that edges serve (spec.loadBalancerClass). See it
// with: kubectl get services -A -o custom-columns=NAME:.metadata.name,CLASS:.spec.loadBalancerClass
inline constexpr std::string_view load_balancer_class = "pona.dev/edge";

// --- egress -------------------------------------------------------------------------------------
// The tables of a NAT pod and of a client pod that takes VXLAN.      nft list table ip pona-nat
inline constexpr std::string_view nat_table = "pona-nat";
inline constexpr std::string_view client_table = "pona-egress";

// The link group of tunnel devices: what is in it is ours.           ip link show group 11217
inline constexpr std::uint32_t tunnel_group = 11217;

// A client's routes to what its Egresses lead to, and the peers that tunnels lead to (NAT pods seen
// from a client, clients seen from a NAT pod). 117, 118 and 1900 are those of Pona and Coil.
//                                                                   ip route show table 117
inline constexpr std::uint32_t egress_table = 117;
inline constexpr std::uint32_t peers_table = 118;
inline constexpr std::uint32_t egress_rule_priority = 1900;
// 2000 (NAT pod): packets from outside are routed to their client. 1890 (also in clients): packets
// with peer_mark go through the tunnel to the peer itself.           ip rule show
inline constexpr std::uint32_t nat_rule_priority = 2000;
inline constexpr std::uint32_t peer_rule_priority = 1890;
// Packet mark of what goes through a tunnel to the peer itself: probes, and a NAT pod's own answers
// to what came through one ("pona").
inline constexpr std::uint32_t peer_mark = 0x706f6e61;

// The bit of the packet and connection mark that, in a client, connections from an Egress's
// destinations have which came in otherwise than by a tunnel: their replies go back that way, past
// the egress table. No bit of peer_mark, of the edge's, kube-proxy's, Cilium's or Istio's.
//                                                     ip rule show; nft list table ip pona-egress
inline constexpr std::uint32_t inbound_mark = 0x80000000;

// Metrics within the egress table: what an Egress leads to, what is left alone, and the fence
// behind it that keeps a client's traffic from leaving another way.
inline constexpr std::uint32_t destination_metric = 100;
inline constexpr std::uint32_t throw_metric = 500;
inline constexpr std::uint32_t fence_metric = 9000;

// UDP ports in NAT pods and clients: FoU (Pona's and Coil's), VXLAN-GPE (IANA), probes.
inline constexpr std::uint16_t fou_port = 5555;
inline constexpr std::uint16_t vxlan_gpe_port = 4790;
inline constexpr std::uint16_t probe_port = 5556;

// The VXLAN network identifier of all egress tunnels.
inline constexpr std::uint32_t vxlan_id = 117;

// Numbers of nexthop objects begin here ("p" and 28 bits).            ip nexthop show protocol 112
inline constexpr std::uint32_t nexthop_base = 0x70000000;

}  // namespace core::constants
