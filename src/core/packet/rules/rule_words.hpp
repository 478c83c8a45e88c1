// What the texts of rules are put together of. For rule_text and its sisters only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/packet/expression.hpp"
#include "core/packet/ruleset.hpp"

namespace core::packet::words {

// The types of nft(8)'s values, as it numbers them (its datatype.h).
enum Type : std::uint32_t {
  no_type = 0,
  nfproto_type = 2,
  integer_type = 4,
  string_type = 5,
  ipv4_type = 7,
  ipv6_type = 8,
  ether_type = 9,
  ethertype_type = 10,
  protocol_type = 12,
  service_type = 13,
  icmp_type = 14,
  tcp_flags_type = 15,
  mark_type = 19,
  ifindex_type = 20,
  arphrd_type = 21,
  realm_type = 22,
  uid_type = 24,
  gid_type = 25,
  ct_state_type = 26,
  ct_direction_type = 27,
  ct_status_type = 28,
  icmpv6_type = 29,
  pkttype_type = 31,
  group_type = 35,
  fib_type = 38,
  boolean_type = 39,
  ifname_type = 41,
  day_type = 45,
};
bool is_flags(std::uint32_t type);
bool is_address(std::uint32_t type);
// Whether registers have its numbers in host order.
bool in_host_order(std::uint32_t type);
// Bytes; 0: any.
std::uint32_t size_of_type(std::uint32_t type);
std::string number_text(ByteView value, bool host);
std::string hex_bytes(ByteView value);
std::string mark_hex(std::uint32_t mark);  // "0x00004000", as nft prints marks
std::string quoted(std::string_view text);
// 10.0.0.0/8 where the bits of `mask` are in front; nothing else.
std::optional<std::uint32_t> prefix_length(ByteView mask);
// "10.0.0.0/8", "1-5", "7": from the first to the last.
std::string range_text(ByteView first, ByteView last, std::uint32_t type);

// Fields by the layer and the place in it: "saddr" of "ip".
struct PayloadField {
  std::uint32_t offset;
  std::uint32_t length;
  std::string_view name;
  std::uint32_t type;
};
// `header`: "ether", "ip", "ip6", "tcp", "udp", "th", "icmp", ...
const PayloadField* find_field(std::string_view header, std::uint32_t offset, std::uint32_t length);

struct KeyWords {
  std::string text;
  std::uint32_t type = no_type;
  std::uint32_t length = 4;
};
KeyWords meta_words(std::uint32_t key);
KeyWords ct_words(const Ct& ct);
KeyWords fib_words(const Fib& fib);
KeyWords rt_words(const Rt& rt);
KeyWords socket_words(const Socket& socket);
KeyWords exthdr_words(const Exthdr& exthdr);

// "{ 80, 443 }", "{ 80 : accept }", "@name".
std::string set_text(const ChainId& id, bool anonymous, Ruleset& ruleset);

std::string match_text(const XtMatch& match);
std::string target_text(const XtTarget& target, bool ipv6);
// `network`: "ip", "ip6"; empty where the table is of both.
std::string reject_text(const Reject& reject, std::string_view network, TableFamily family);
std::string limit_text(const Limit& limit);
std::string nat_flags_text(std::uint32_t flags);  // " random,persistent"

}  // namespace core::packet::words
