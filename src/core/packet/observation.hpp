// What was seen of a probe while it travelled, as values: what nftables told, what packet sockets
// caught, what became of connections, where the kernel dropped it. Pure. Not here: who sees it
// (net/probe), and what follows from it. Rule: what could not be seen is an observation as well
// (Lost), never silence.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/packet/context.hpp"
#include "core/packet/cookie.hpp"
#include "core/packet/packet.hpp"
#include "core/packet/ruleset.hpp"

namespace core::packet {

// CLOCK_REALTIME. Of Captured and DropEvent when it happened, by the kernel; of the others when it
// was heard, which is up to a millisecond later: do not compare the two kinds.
using ObservedAt = std::chrono::nanoseconds;

struct Interface {
  std::uint32_t index = 0;  // 0: none
  std::string name;         // empty: not known, as of one that is gone

  friend bool operator==(const Interface&, const Interface&) = default;
};

// What NFT_MSG_TRACE tells. Interfaces and headers are in the first of each base chain only, the
// others are tied to it by `trace_id`, which other packets may have at other times.
struct TraceEvent {
  enum class Type : std::uint8_t {
    policy = 1,  // NFT_TRACETYPE_*
    ret = 2,
    rule = 3,
    end = 4,  // of a chain, no rule ended it; only some kernels (5.17) tell
  };

  std::size_t place = 0;
  ChainId chain;
  Type type{};
  std::uint64_t rule = 0;  // handle; of Type::rule
  Verdict verdict;         // of Type::policy the policy's
  std::uint32_t trace_id = 0;
  std::uint32_t mark = 0;
  std::uint8_t nfproto = 0;  // NFPROTO_*
  Interface in;
  Interface out;
  Bytes link_header;  // of these the first 20, 40 and 20 bytes
  Bytes network_header;
  Bytes transport_header;
  // Of connection tracking, where the kernel tells it (6.16).
  std::optional<std::uint32_t> connection;  // CTA_ID
  std::optional<std::uint8_t> direction;    // IP_CT_DIR_*
  std::optional<std::uint32_t> status;      // IPS_*
  std::optional<std::uint32_t> state;       // NF_CT_STATE_BIT()
  ObservedAt time{};

  friend bool operator==(const TraceEvent&, const TraceEvent&) = default;
};
// As far as the event has the headers of one.
std::optional<Packet> packet_in(const TraceEvent& event);

struct Captured {
  enum class Direction : std::uint8_t {
    in,
    out,
    other_host
  };  // the last: to another's MAC address

  std::size_t place = 0;
  Interface interface;
  Direction direction{};
  Relation relation{};
  Packet packet;                 // the outermost
  std::optional<Packet> inside;  // what has the cookie, where that is in a tunnel
  ObservedAt time{};

  friend bool operator==(const Captured&, const Captured&) = default;
};

struct ConnectionEvent {
  enum class Kind : std::uint8_t {
    made,
    changed,
    ended,
    found,  // what it was when the trace ended, also one that was there before
  };

  std::size_t place = 0;
  Kind kind{};
  Connection connection;
  ObservedAt time{};

  friend bool operator==(const ConnectionEvent&, const ConnectionEvent&) = default;
};

struct DropEvent {
  std::optional<std::size_t> place;  // empty: in a namespace that is none of the places
  std::uint32_t network = 0;         // the namespace's inode; 0: not known
  std::uint32_t interface = 0;       // index; 0: none
  std::uint32_t reason = 0;          // enum skb_drop_reason, whose numbers change
  std::string reason_name;           // "NETFILTER_DROP"; empty: a number that has none
  Relation relation{};
  std::optional<Packet> packet;  // the outermost, as far as 128 bytes go
  std::optional<Packet> inside;
  ObservedAt time{};

  friend bool operator==(const DropEvent&, const DropEvent&) = default;
};

struct Lost {
  enum class Stream : std::uint8_t {
    trace,  // the kernel had no room for more, as of the following
    packets,
    connections,
    drops,
    all,  // more was seen than is kept
  };

  std::size_t place = 0;  // of the first three
  Stream stream{};
  ObservedAt time{};

  friend bool operator==(const Lost&, const Lost&) = default;
};

using Observation = std::variant<TraceEvent, Captured, ConnectionEvent, DropEvent, Lost>;

ObservedAt time_of(const Observation& observation);
std::optional<std::size_t> place_of(const Observation& observation);
// One line without place and time: "rule ip nat prerouting handle 4 jump web | 10.0.0.1:…"
std::string to_text(const Observation& observation);

std::string_view to_string(Captured::Direction direction);
std::string_view to_string(ConnectionEvent::Kind kind);
std::string_view to_string(Lost::Stream stream);

}  // namespace core::packet
