// The expressions of nf_tables as values, whoever wrote them (linux/netfilter/nf_tables.h). net
// decodes them, interpreter carries them out, rule_text says them in the words of nft(8). Rule:
// what is not known here is `Unknown`, by its name; nothing is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/packet/packet.hpp"

namespace core::packet {

// Where a register begins in a file of 64 bytes: NFT_REG_1 and NFT_REG32_00 are 0, NFT_REG_2 and
// NFT_REG32_04 are 16.
using Register = std::uint32_t;
inline constexpr std::uint32_t register_bytes = 64;

struct Verdict {
  enum class Code : std::uint8_t { next, accept, drop, ret, jump, go_to, queue, unknown };
  Code code = Code::next;
  std::string chain;  // of jump and go_to

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

struct Immediate {
  Register to = 0;
  Bytes value;
  friend bool operator==(const Immediate&, const Immediate&) = default;
};
struct Payload {
  enum class Base : std::uint8_t { link, network, transport, inner };  // NFT_PAYLOAD_*_HEADER
  Base base{};
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  Register to = 0;
  friend bool operator==(const Payload&, const Payload&) = default;
};
struct PayloadWrite {
  Payload::Base base{};
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  Register from = 0;
  friend bool operator==(const PayloadWrite&, const PayloadWrite&) = default;
};
struct Meta {
  std::uint32_t key = 0;  // NFT_META_*
  Register to = 0;
  friend bool operator==(const Meta&, const Meta&) = default;
};
struct MetaSet {
  std::uint32_t key = 0;
  Register from = 0;
  friend bool operator==(const MetaSet&, const MetaSet&) = default;
};
struct Compare {
  enum class Op : std::uint8_t { eq, neq, lt, lte, gt, gte };  // NFT_CMP_*; bytes as in memcmp
  Op op{};
  Register at = 0;
  Bytes value;
  friend bool operator==(const Compare&, const Compare&) = default;
};
struct Range {
  bool within = true;  // else: outside
  Register at = 0;
  Bytes from;
  Bytes to;
  friend bool operator==(const Range&, const Range&) = default;
};
struct Bitwise {
  // NFT_BITWISE_*; `mask_xor`: register & mask ^ flip
  enum class Op : std::uint8_t { mask_xor, left_shift, right_shift, op_and, op_or, op_xor };
  Op op{};
  Register from = 0;
  Register to = 0;
  std::uint32_t length = 0;
  Bytes mask;
  Bytes flip;
  std::uint32_t shift = 0;         // of the two shifts; over words of 32 bits in host order
  std::optional<Register> second;  // of the last three, where it is no constant, which is in `mask`
  friend bool operator==(const Bitwise&, const Bitwise&) = default;
};
struct Byteorder {
  bool to_host = false;  // NFT_BYTEORDER_NTOH, else HTON: the same on each machine
  Register from = 0;
  Register to = 0;
  std::uint32_t length = 0;
  std::uint32_t size = 0;  // 2, 4 or 8
  friend bool operator==(const Byteorder&, const Byteorder&) = default;
};
struct Lookup {
  std::string set;
  Register at = 0;
  std::optional<Register> to;  // a map of data
  bool verdict = false;        // a verdict map
  bool inverted = false;
  friend bool operator==(const Lookup&, const Lookup&) = default;
};
struct Ct {
  std::uint32_t key = 0;                  // NFT_CT_*
  std::optional<std::uint8_t> direction;  // IP_CT_DIR_*
  Register to = 0;
  friend bool operator==(const Ct&, const Ct&) = default;
};
struct CtSet {
  std::uint32_t key = 0;
  Register from = 0;
  friend bool operator==(const CtSet&, const CtSet&) = default;
};
struct Nat {
  bool destination = false;  // NFT_NAT_DNAT
  Family family{};
  std::optional<Register> address_min;
  std::optional<Register> address_max;
  std::optional<Register> port_min;
  std::optional<Register> port_max;
  std::uint32_t flags = 0;     // NF_NAT_RANGE_*
  bool both_families = false;  // ports only, in a table of the family inet
  friend bool operator==(const Nat&, const Nat&) = default;
};
struct Masquerade {
  std::optional<Register> port_min;
  std::optional<Register> port_max;
  std::uint32_t flags = 0;
  friend bool operator==(const Masquerade&, const Masquerade&) = default;
};
struct Redirect {
  std::optional<Register> port_min;
  std::optional<Register> port_max;
  std::uint32_t flags = 0;
  friend bool operator==(const Redirect&, const Redirect&) = default;
};
struct Tproxy {
  std::uint32_t family = 0;  // NFPROTO_*
  std::optional<Register> address;
  std::optional<Register> port;
  friend bool operator==(const Tproxy&, const Tproxy&) = default;
};
struct Numgen {
  bool random = false;  // else incremental
  std::uint32_t modulus = 0;
  std::uint32_t offset = 0;
  Register to = 0;
  friend bool operator==(const Numgen&, const Numgen&) = default;
};
struct Hash {
  bool symmetric = false;  // of the flow; else jhash of a register
  Register from = 0;
  std::uint32_t length = 0;
  std::uint32_t modulus = 0;
  std::optional<std::uint32_t> seed;  // without: a random one of the kernel's
  std::uint32_t offset = 0;
  Register to = 0;
  friend bool operator==(const Hash&, const Hash&) = default;
};
struct Fib {
  std::uint32_t result = 0;  // NFT_FIB_RESULT_*
  std::uint32_t flags = 0;   // NFTA_FIB_F_*
  Register to = 0;
  friend bool operator==(const Fib&, const Fib&) = default;
};
struct Rt {
  std::uint32_t key = 0;  // NFT_RT_*
  Register to = 0;
  friend bool operator==(const Rt&, const Rt&) = default;
};
struct Counter {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const Counter&, const Counter&) = default;
};
struct Limit {
  std::uint64_t rate = 0;
  std::uint64_t unit = 0;  // seconds
  std::uint32_t burst = 0;
  bool bytes = false;  // else packets
  bool over = false;   // inverted
  friend bool operator==(const Limit&, const Limit&) = default;
};
struct Connlimit {
  std::uint32_t count = 0;
  bool over = false;
  friend bool operator==(const Connlimit&, const Connlimit&) = default;
};
struct Quota {
  std::uint64_t bytes = 0;
  std::uint64_t consumed = 0;
  bool over = false;
  friend bool operator==(const Quota&, const Quota&) = default;
};
struct Log {
  std::string prefix;
  friend bool operator==(const Log&, const Log&) = default;
};
struct Socket {
  std::uint32_t key = 0;  // NFT_SOCKET_*
  std::uint32_t level = 0;
  Register to = 0;
  friend bool operator==(const Socket&, const Socket&) = default;
};
struct Exthdr {
  std::uint32_t op = 0;  // NFT_EXTHDR_OP_*
  std::uint8_t type = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  bool presence = false;         // NFT_EXTHDR_F_PRESENT
  std::optional<Register> from;  // it is written
  Register to = 0;
  friend bool operator==(const Exthdr&, const Exthdr&) = default;
};
struct Notrack {
  friend bool operator==(const Notrack&, const Notrack&) = default;
};
struct Reject {
  std::uint32_t type = 0;  // NFT_REJECT_*
  std::uint8_t code = 0;
  friend bool operator==(const Reject&, const Reject&) = default;
};
struct FlowOffload {
  std::string flowtable;
  friend bool operator==(const FlowOffload&, const FlowOffload&) = default;
};
struct ObjectReference {       // a counter, limit, quota, … that lies in the table under a name
  std::string name;            // empty where a map says which
  std::uint32_t type = 0;      // NFT_OBJECT_*; 0 where a map says which
  std::optional<Register> at;  // the key of the map
  std::string map;
  friend bool operator==(const ObjectReference&, const ObjectReference&) = default;
};
struct Passes {      // it changes nothing that matters here and goes on
  std::string name;  // last, dup
  friend bool operator==(const Passes&, const Passes&) = default;
};
struct Unknown {
  std::string name;  // as the kernel has it
  bool sets_verdict =
      false;  // it may end the rule otherwise than by not matching (queue, synproxy)
  friend bool operator==(const Unknown&, const Unknown&) = default;
};

struct Dynset;  // has expressions itself

// --- x_tables (linux/netfilter/x_tables.h and xt_*.h)
// ---------------------------------------------
struct XtMark {
  std::uint32_t value = 0;
  std::uint32_t mask = 0;
  bool inverted = false;
  bool connection = false;  // xt_connmark
  friend bool operator==(const XtMark&, const XtMark&) = default;
};
struct XtConntrack {           // xt_conntrack revisions 1 to 3
  std::uint16_t flags = 0;     // XT_CONNTRACK_*
  std::uint16_t inverted = 0;  // likewise
  std::uint16_t states = 0;    // XT_CONNTRACK_STATE_BIT()
  std::uint16_t status = 0;    // IPS_*
  struct Side {
    Address address;
    Address mask;
    PortRange ports;
    friend bool operator==(const Side&, const Side&) = default;
  };
  Side original_source;
  Side original_destination;
  Side reply_source;
  Side reply_destination;
  std::uint16_t protocol = 0;
  friend bool operator==(const XtConntrack&, const XtConntrack&) = default;
};
struct XtSet {  // ipset: what is in it is not read
  std::uint16_t index = 0;
  bool inverted = false;
  friend bool operator==(const XtSet&, const XtSet&) = default;
};
struct XtComment {
  std::string text;
  friend bool operator==(const XtComment&, const XtComment&) = default;
};
struct XtMultiport {
  enum class Of : std::uint8_t { source, destination, either };
  Of of{};
  std::vector<PortRange> ports;
  bool inverted = false;
  friend bool operator==(const XtMultiport&, const XtMultiport&) = default;
};
struct XtAddrtype {  // masks of 1 << RTN_*; 0: not asked
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
  bool source_inverted = false;
  bool destination_inverted = false;
  bool limit_in = false;  // of the interface that it came in by
  bool limit_out = false;
  friend bool operator==(const XtAddrtype&, const XtAddrtype&) = default;
};
struct XtStatistic {
  bool random = false;            // else each n-th
  std::uint32_t probability = 0;  // of 2^31
  std::uint32_t every = 0;        // matches one of (every + 1)
  bool inverted = false;
  friend bool operator==(const XtStatistic&, const XtStatistic&) = default;
};
struct XtPorts {  // xt_tcp and xt_udp
  std::uint8_t protocol = 0;
  PortRange source{0, 65535};
  PortRange destination{0, 65535};
  bool source_inverted = false;
  bool destination_inverted = false;
  std::uint8_t flags_mask = 0;  // of TCP
  std::uint8_t flags = 0;
  bool flags_inverted = false;
  std::uint8_t option = 0;  // of TCP; 0: not asked
  bool option_inverted = false;
  friend bool operator==(const XtPorts&, const XtPorts&) = default;
};
struct XtIcmp {              // xt_icmp and xt_icmp6
  std::uint8_t type = 0xff;  // 0xff in IPv4: any
  std::uint8_t code_first = 0;
  std::uint8_t code_last = 0xff;
  bool inverted = false;
  friend bool operator==(const XtIcmp&, const XtIcmp&) = default;
};

struct XtMatch {
  std::string name;
  std::uint32_t revision = 0;
  // Nothing: it is not known here.
  std::variant<std::monostate, XtMark, XtConntrack, XtSet, XtComment, XtMultiport, XtAddrtype,
               XtStatistic, XtPorts, XtIcmp>
      what;
  friend bool operator==(const XtMatch&, const XtMatch&) = default;
};

struct XtSetMark {  // MARK and CONNMARK --set-xmark
  std::uint32_t value = 0;
  std::uint32_t mask = 0;
  bool connection = false;
  friend bool operator==(const XtSetMark&, const XtSetMark&) = default;
};
struct XtCopyMark {  // CONNMARK --save-mark, --restore-mark
  bool save = false;
  std::uint32_t connection_mask = 0;
  std::uint32_t packet_mask = 0;
  friend bool operator==(const XtCopyMark&, const XtCopyMark&) = default;
};
struct XtNat {  // DNAT, SNAT, MASQUERADE, REDIRECT, NETMAP
  enum class Kind : std::uint8_t { destination, source, masquerade, redirect };
  Kind kind{};
  std::uint32_t flags = 0;  // NF_NAT_RANGE_*
  Address address_min;
  Address address_max;
  std::uint16_t port_min = 0;
  std::uint16_t port_max = 0;
  friend bool operator==(const XtNat&, const XtNat&) = default;
};
struct XtReject {
  std::uint32_t with = 0;  // IPT_ICMP_*, IP6T_*
  bool tcp_reset = false;
  friend bool operator==(const XtReject&, const XtReject&) = default;
};
struct XtTcpMss {
  std::uint16_t mss = 0;  // 0xffff: clamped to the path MTU
  friend bool operator==(const XtTcpMss&, const XtTcpMss&) = default;
};
struct XtUntrack {  // CT --notrack, NOTRACK
  friend bool operator==(const XtUntrack&, const XtUntrack&) = default;
};
struct XtPasses {  // it changes nothing that matters here and goes on (LOG, NFLOG, TRACE, SET)
  friend bool operator==(const XtPasses&, const XtPasses&) = default;
};

struct XtTarget {
  std::string name;
  std::uint32_t revision = 0;
  // Nothing: it is not known here.
  std::variant<std::monostate, XtSetMark, XtCopyMark, XtNat, XtReject, XtTcpMss, XtUntrack,
               XtPasses>
      what;
  friend bool operator==(const XtTarget&, const XtTarget&) = default;
};

using Expression =
    std::variant<Unknown, Verdict, Immediate, Payload, PayloadWrite, Meta, MetaSet, Compare, Range,
                 Bitwise, Byteorder, Lookup, Dynset, Ct, CtSet, Nat, Masquerade, Redirect, Tproxy,
                 Numgen, Hash, Fib, Rt, Counter, Limit, Connlimit, Quota, Log, Socket, Exthdr,
                 Notrack, Reject, FlowOffload, ObjectReference, Passes, XtMatch, XtTarget>;

struct Dynset {
  std::string set;
  enum class Op : std::uint8_t { add, update, remove };  // NFT_DYNSET_OP_*
  Op op{};
  Register key = 0;
  std::optional<Register> data;
  std::uint64_t timeout = 0;  // milliseconds
  bool inverted = false;
  std::vector<Expression> expressions;  // of the element, as a limit
  // Not defaulted: clang 14 fails at what holds itself.
  friend bool operator==(const Dynset& left, const Dynset& right) noexcept(false);
};

}  // namespace core::packet
