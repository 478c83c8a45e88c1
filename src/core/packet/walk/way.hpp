// What became of a packet, step by step, as a value. Printers and the judgement read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/packet/context.hpp"
#include "core/packet/packet.hpp"
#include "core/packet/ruleset.hpp"
#include "core/packet/walk/network.hpp"

namespace core::packet {

struct RuleReference {
  ChainId chain;
  std::uint64_t handle = 0;  // 0: no rule but the chain's policy
  std::size_t number = 0;    // in its chain, from 1; 0: the policy, or not known
  std::string comment;
  std::string text;

  friend bool operator==(const RuleReference&, const RuleReference&) = default;
};
// `nft ip pona-edge prerouting #3 "web"`
std::string to_text(const RuleReference& rule);

struct Step {
  enum class What : std::uint8_t {
    send,        // here it begins
    receive,     // it came in by a link
    pass,        // a chain had a rule that lets it pass, or marks it
    connection,  // an entry of connection tracking decides
    dnat,
    snat,
    untranslate,  // back, as the entry says
    route,
    encapsulate,
    decapsulate,
    transmit,  // out by a link whose other end is seen
    leave,     // out by a link whose other end is not seen
    deliver,   // to a socket
    answer,    // the kernel answers itself: an echo, a reset, an ICMP error
    drop,
  };
  What what{};
  bool reply = false;
  std::size_t place = 0;
  std::string where;             // a link's name or a hook
  std::string text;              // in words
  Packet packet;                 // after it
  std::optional<Packet> before;  // where that is another one
  std::optional<RuleReference> rule;
  std::optional<Connection> connection;
  std::uint32_t link = 0;                // index of the link that it is about; 0: none
  std::uint32_t mtu = 0;                 // of the way out; 0: it does not leave here
  std::size_t encapsulation = 0;         // how many tunnels it is in
  std::size_t overhead = 0;              // bytes that these tunnels took so far
  std::vector<RuleReference> evaluated;  // with --rules: what did not decide, too
  std::vector<std::string> notes;
  bool untracked = false;   // a rule said here that connection tracking passes it over
  bool backwards = false;   // `connection` takes it for an answer
  bool port_taken = false;  // its source port is another one, since somebody's flow has it

  // What saw it.
  bool modelled = false;
  bool traced = false;       // nft trace
  bool captured = false;     // packet socket
  std::optional<double> at;  // milliseconds after the probe was sent
};
std::string_view to_string(Step::What what);

// Why a way ends where it does. The names are codes' (codes).
enum class Cause : std::uint8_t {
  none,
  rule_drop,
  rule_reject,
  policy_drop,
  reverse_path,
  martian,
  forwarding_off,
  no_route,
  blackhole,
  unreachable,
  prohibited,
  neighbour_silent,
  link_down,
  too_big,
  ttl_exceeded,
  port_closed,
  tunnel_closed,
  table_full,
  ports_exhausted,
  ipv6_disabled,
  not_ours,     // its destination's MAC is nobody's here
  queue,        // to a program
  unread_drop,  // by what is not read rule by rule: legacy iptables
  loop,
  ipsec,           // a policy of IPsec blocks it
  proxy_unrouted,  // given to a proxy of this host, and routed on
};

struct Way {
  enum class End : std::uint8_t { delivered, answered, left, dropped, unknown };
  std::vector<Step> steps;
  End end = End::unknown;
  Cause cause = Cause::none;
  Packet packet;  // as it is at the end
  Attachment at;  // where; the link that it left or came in by last
  // Bytes of the largest IP packet, as sent, that gets along it; 0: it does not get along.
  std::uint32_t largest = 0;
  std::size_t narrowest = 0;        // the step where no larger ones get further
  std::optional<Address> next_hop;  // who was to get it last, on a link
  bool unread = false;              // it passed rules that could not be read
};

struct Assumption {
  std::string where;  // "edge-1: nft ip filter FORWARD #9"
  std::string text;

  friend bool operator==(const Assumption&, const Assumption&) = default;
};

}  // namespace core::packet
