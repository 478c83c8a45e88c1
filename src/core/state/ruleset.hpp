// The nftables rules that pona can say, as values: a closed set of statements, each with one nft(8)
// text (text.hpp) and one lowering to kernel expressions (net/nft_rules). Not a general nft model:
// add a statement when a planner needs it. Elements of sets are in state.hpp: rules are static,
// elements change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/ip.hpp"

namespace core::nft {

// The types of set keys and data, named as nft names them.
enum class Type : std::uint8_t { address, inet_proto, inet_service, mark, ifname, ct_dir, verdict };

struct Set {
  std::string name;
  std::vector<Type> key;   // more than one: a concatenation
  std::vector<Type> data;  // empty: a set, else a map
  bool interval = false;
  bool counter = false;       // every element counts packets and bytes
  bool dynamic = false;       // filled by the packet path
  std::uint32_t timeout = 0;  // seconds; dynamic sets only
  std::string comment;

  friend bool operator==(const Set&, const Set&) = default;
};

enum class Field : std::uint8_t {
  saddr,
  daddr,
  sport,
  dport,
  l4proto,
  iifname,
  mark,
  ct_mark,
  ct_state,
  ct_direction,
  ct_original_daddr,
  ct_original_dport,
  ct_status,
  tcp_flags,
  fib_daddr_type,  // RTN_* of the destination address: local or not
  oifname,
  iifgroup,
  oifgroup,
  // The source address of the packet within a UDP packet of FoU or VXLAN-GPE, as it lies there.
  fou_inner_saddr,
  gpe_inner_saddr,
  gpe_next_protocol,  // of VXLAN-GPE's header
  iif,                // index of the interface; of lo it is 1 in every network namespace
  oif,
  icmp_type,
  icmp_code,
  // Of the packet that an ICMP error of IPv4 is about, which has no options.
  icmp_protocol,
  icmp_daddr,
  icmp_dport,
};

// What is looked up: a concatenation of parts.
struct Masked {  // FIELD and MASK; of an address: its first MASK bits, and zeros
  Field field{};
  std::uint32_t mask = 0;
  friend bool operator==(const Masked&, const Masked&) = default;
};
struct Hash {  // jhash of the fields, in [0, modulus)
  std::vector<Field> fields;
  std::uint32_t modulus = 1;
  std::uint32_t seed = 0;
  friend bool operator==(const Hash&, const Hash&) = default;
};
struct Mapped {  // the value that `map` holds for a concatenation of fields
  std::vector<Field> fields;
  std::string map;
  friend bool operator==(const Mapped&, const Mapped&) = default;
};
using Part = std::variant<Field, Masked, Hash, Mapped>;
using Key = std::vector<Part>;

// --- statements --------------------------------------------------------------------------------
struct Match {  // FIELD and MASK == / != VALUE; values in host order
  Field field{};
  std::uint32_t mask = 0xffffffff;
  bool equal = true;
  std::uint32_t value = 0;
  friend bool operator==(const Match&, const Match&) = default;
};
struct InSet {  // goes on if the key is in the set (or is not)
  Key key;
  std::string set;
  bool contained = true;
  friend bool operator==(const InSet&, const InSet&) = default;
};
struct VerdictMap {  // a miss goes on with the next rule
  Key key;
  std::string map;
  friend bool operator==(const VerdictMap&, const VerdictMap&) = default;
};
struct SetMark {  // mark = mark & keep | value
  enum class Of : std::uint8_t { packet, connection };
  Of of{};
  std::uint32_t keep = 0xffffffff;
  std::uint32_t value = 0;
  friend bool operator==(const SetMark&, const SetMark&) = default;
};
struct Nat {  // to the address (and port) that `map` holds for `key`; a miss goes on
  enum class Kind : std::uint8_t { destination, source };
  Kind kind{};
  Key key;
  std::string map;         // empty: to the key itself
  bool with_port = false;  // the map's data is address . port
  // Destination NAT of a shifted range: the port comes from this map; a miss goes on.
  std::optional<std::pair<Key, std::string>> port_map;
  friend bool operator==(const Nat&, const Nat&) = default;
};
struct Masquerade {
  bool fully_random = false;  // source ports are chosen at random, not kept
  friend bool operator==(const Masquerade&, const Masquerade&) = default;
};
struct Redirect {  // to the primary address of the incoming interface
  friend bool operator==(const Redirect&, const Redirect&) = default;
};
struct Untrack {  // connection tracking passes it over (raw hooks only)
  friend bool operator==(const Untrack&, const Untrack&) = default;
};
struct Reject {
  bool tcp_reset = false;    // else ICMP port unreachable
  bool unreachable = false;  // ICMP host unreachable, in IPv6 address unreachable
  friend bool operator==(const Reject&, const Reject&) = default;
};
struct ClampMss {           // [tcp option maxseg size > ABOVE] tcp option maxseg size set rt mtu
  std::uint16_t above = 0;  // 0: whatever it is
  std::uint16_t to = 0;     // in place of "rt mtu", if it is less than what it is
  friend bool operator==(const ClampMss&, const ClampMss&) = default;
};
struct OverLimit {  // goes on only if the key is over its limit; state is kept in a dynamic set
  enum class Of : std::uint8_t { connections, rate_per_second };
  Of of{};
  Key key;
  std::string set;
  std::uint32_t limit = 0;
  friend bool operator==(const OverLimit&, const OverLimit&) = default;
};
struct Verdict {
  enum class Code : std::uint8_t { accept, drop, go_to, jump, ret };
  Code code{};
  std::string chain;  // of go_to and jump
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

using Statement = std::variant<Match, InSet, VerdictMap, SetMark, Nat, Masquerade, Redirect,
                               Untrack, Reject, ClampMss, OverLimit, Verdict>;

struct Rule {
  std::vector<Statement> statements;
  std::string comment;
  // Set when the rule was read from the kernel and is none that pona knows: its text.
  std::string foreign;

  friend bool operator==(const Rule&, const Rule&) = default;
};

struct Hook {
  enum class Type : std::uint8_t { filter, nat, route };
  enum class At : std::uint8_t { prerouting, input, forward, output, postrouting };  // NF_INET_*
  Type type{};
  At at{};
  int priority = 0;

  friend bool operator==(const Hook&, const Hook&) = default;
};

struct Chain {
  std::string name;
  std::optional<Hook> hook;  // a base chain; policy is always accept
  std::vector<Rule> rules;

  friend bool operator==(const Chain&, const Chain&) = default;
};

// One table without its elements.
struct Table {
  Family family{};
  std::string name;
  std::vector<Set> sets;      // in the order of their creation
  std::vector<Chain> chains;  // likewise

  friend bool operator==(const Table&, const Table&) = default;
};

// Bytes that `type` takes in a key of its own, and inside a concatenation (32-bit registers).
std::size_t size_of(Type type, Family family);
std::size_t padded_size_of(Type type, Family family);
std::size_t key_size(const std::vector<Type>& types, Family family);

}  // namespace core::nft
