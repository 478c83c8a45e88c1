// The codes of what can be wrong with a packet's way: numbers that stay, with their words. Each has
// its paragraph in pona-diag(8), too.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace core::packet {

struct Code {
  int number = 0;
  std::string_view name;   // "policy-drop"
  std::string_view title;  // "dropped by a chain's policy"
  std::string_view text;   // what it means, how it comes about, what to do
};

std::span<const Code> codes();
// Null: there is none of this number.
const Code* find_code(int number);
// "PONA-D104", "D104", "104" or "policy-drop", in any case.
const Code* find_code(std::string_view text);
std::string code_text(int number);  // "PONA-D104"

namespace code {

// 1xx: rules
inline constexpr int rule_drop = 101;
inline constexpr int rule_reject = 102;
inline constexpr int source_not_allowed = 103;
inline constexpr int policy_drop = 104;
inline constexpr int limit_exceeded = 105;
inline constexpr int unseen_drop = 106;
inline constexpr int not_tracked = 107;
inline constexpr int translated_by_others = 108;
inline constexpr int queued = 109;
// 2xx: the way
inline constexpr int reverse_path = 201;
inline constexpr int forwarding_off = 202;
inline constexpr int no_route = 203;
inline constexpr int neighbour_silent = 204;
inline constexpr int mtu = 205;
inline constexpr int tunnel_closed = 206;
inline constexpr int not_translated = 207;
inline constexpr int tunnel_clash = 208;
inline constexpr int no_endpoint = 209;
inline constexpr int asymmetric = 210;
inline constexpr int lost = 211;
inline constexpr int route_refuses = 212;
inline constexpr int stale_connection = 213;
inline constexpr int link_down = 214;
inline constexpr int address_missing = 215;
inline constexpr int ttl = 216;
inline constexpr int ipv6_disabled = 217;
inline constexpr int table_full = 218;
inline constexpr int ports_exhausted = 219;
inline constexpr int duplicate_address = 220;
inline constexpr int no_way_back = 221;
inline constexpr int martian = 222;
inline constexpr int wrong_neighbour = 223;
inline constexpr int wrong_source = 224;
inline constexpr int loop = 225;
inline constexpr int bypassed = 226;
inline constexpr int ipsec_blocks = 227;
inline constexpr int proxy_unrouted = 228;
// 3xx: the end
inline constexpr int port_closed = 301;
inline constexpr int proxy = 302;
inline constexpr int no_answer = 303;
inline constexpr int answer_lost = 304;
// 4xx: objects
inline constexpr int no_service = 401;
inline constexpr int no_port = 402;
inline constexpr int conflict = 403;
inline constexpr int object_rejected = 404;
inline constexpr int egress_closed = 405;
inline constexpr int unknown_client = 406;
inline constexpr int nat_pod_draining = 407;
inline constexpr int not_mapped = 408;
// 5xx: the trace itself
inline constexpr int differs = 501;
inline constexpr int not_seen = 502;

}  // namespace code

}  // namespace core::packet
