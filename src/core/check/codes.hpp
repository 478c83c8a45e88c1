// The codes of `pona diag check`: numbers that stay, with their words. Each has its paragraph in
// pona-diag(8), too.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace core::check {

// In the order in which they are told.
enum class Group : std::uint8_t {
  kernel,
  sysctl,
  rules,
  mtu,
  tunnels,
  conntrack,
  ports,
  addresses,
  permissions,
  clock,
  files,
  sockets,
  leftovers,
};
std::string_view to_string(Group group);

struct Code {
  int number = 0;
  Group group{};
  std::string_view name;   // "forwarding-off"
  std::string_view title;  // "the host does not forward IPv4"
  std::string_view text;   // what it means, how it comes about, what to do
};

std::span<const Code> codes();
const Code& code_of(int number);  // one of code::*
// "PONA-C201", "C201", "201" or "forwarding-off", in any case; null: there is none.
const Code* find_code(std::string_view text);
std::string code_text(int number);  // "PONA-C201"
// Lines of at most `width` letters.
std::vector<std::string> explain(const Code& code, std::size_t width);

namespace code {

// 1xx: what the kernel can do
inline constexpr int nftables = 101;
inline constexpr int nat = 102;
inline constexpr int conntrack = 103;
inline constexpr int fib = 104;
inline constexpr int notrack = 105;
inline constexpr int hash = 106;
inline constexpr int limits = 107;
inline constexpr int owner = 108;
inline constexpr int nexthop = 109;
inline constexpr int vxlan = 110;
inline constexpr int fou = 111;
inline constexpr int fou6 = 112;
inline constexpr int namespaces = 113;
inline constexpr int policy_routing = 114;
inline constexpr int clamp = 115;
inline constexpr int reject = 116;
// 2xx: kernel parameters
inline constexpr int forwarding4 = 201;
inline constexpr int forwarding6 = 202;
inline constexpr int rp_filter = 203;
inline constexpr int conntrack_max = 204;
inline constexpr int tcp_liberal = 205;
inline constexpr int bridge_netfilter = 206;
inline constexpr int local_ports = 207;
inline constexpr int disable_ipv6 = 208;
inline constexpr int mark_reflect = 209;
inline constexpr int link_forwarding = 210;
// 3xx: rules, and who else wants the traffic
inline constexpr int forward_drop = 301;
inline constexpr int two_iptables = 302;
inline constexpr int other_programs = 303;
inline constexpr int translated_first = 304;
inline constexpr int untracked = 305;
inline constexpr int listener = 306;
// 35x: MTU
inline constexpr int veth_mtu = 351;
inline constexpr int tunnel_mtu = 352;
inline constexpr int bridge_mtu = 353;
inline constexpr int ipv6_mtu = 354;
// 4xx: tunnels
inline constexpr int tunnel_clash = 401;
inline constexpr int tunnel_port_taken = 402;
inline constexpr int no_tunnel_route = 403;
inline constexpr int tunnel_down = 404;
inline constexpr int nat_pods_dead = 405;
inline constexpr int no_nat_pods = 406;
// 5xx: connection tracking
inline constexpr int table_fill = 501;
inline constexpr int short_timeout = 502;
inline constexpr int port_use = 511;
// 6xx: addresses
inline constexpr int address_absent = 601;
inline constexpr int duplicate_address = 602;
inline constexpr int address_on_downed_link = 603;
inline constexpr int address_twice = 604;
inline constexpr int address_claimed = 605;
// 7xx: the cluster
inline constexpr int api_server = 701;
inline constexpr int permissions = 702;
inline constexpr int kinds_missing = 703;
inline constexpr int clock = 711;
// 8xx: files and sockets
inline constexpr int kubeconfig_mode = 801;
inline constexpr int manifests = 802;
inline constexpr int state_directory = 803;
inline constexpr int run_directory = 804;
inline constexpr int edge_silent = 811;
inline constexpr int edge_troubled = 812;
inline constexpr int agent_silent = 813;
inline constexpr int agent_troubled = 814;
inline constexpr int socket_mode = 815;
// 9xx: what others left
inline constexpr int smartnat_chains = 901;
inline constexpr int smartnat_sets = 902;
inline constexpr int smartnat_rules = 903;
inline constexpr int old_devices = 904;
inline constexpr int old_rules = 905;

}  // namespace code

}  // namespace core::check
