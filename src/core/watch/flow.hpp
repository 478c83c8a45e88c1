// What `pona diag watch` sees, as values: connections that begin and end, and packets that the
// kernel throws away. Pure. Not here: who sees it (net/probe).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/packet/observation.hpp"

namespace core::watch {

// Bytes on the wire, without link headers.
struct Traffic {
  std::uint64_t received = 0;  // from who began the connection
  std::uint64_t sent = 0;      // to him

  friend bool operator==(const Traffic&, const Traffic&) = default;
};

struct Flow {
  std::size_t place = 0;
  bool ended = false;
  packet::FlowTuple before;  // its first packet, as it came
  packet::FlowTuple after;   // and as it left
  std::uint32_t id = 0;      // CTA_ID: one at a time has it in a place
  // So far; empty: the kernel does not count.
  std::optional<Traffic> traffic;

  friend bool operator==(const Flow&, const Flow&) = default;
};
Flow to_flow(const packet::ConnectionEvent& event);

struct Drop {
  std::optional<std::size_t> place;  // empty: not known
  std::string reason;                // of the kernel: "NETFILTER_DROP"
  packet::FlowTuple packet;
  std::string interface;  // empty: it was just being sent, or is not known

  friend bool operator==(const Drop&, const Drop&) = default;
};

// "tcp 10.0.0.1:1234 > 10.0.0.2:80"; of ICMP without identifiers.
std::string packet_text(const packet::FlowTuple& tuple);
// The same without the protocol.
std::string direction_text(const packet::FlowTuple& tuple);
// "10.0.0.1:1234", "[fd00::1]:80", "10.0.0.1"
std::string source_text(const packet::FlowTuple& tuple);
std::string destination_text(const packet::FlowTuple& tuple);

// Multicast, and the broadcast address of all networks.
bool is_for_many(const Address& address);

// What a reason of the kernel means, for people; empty: nothing more than its name says.
std::string_view reason_text(std::string_view reason);

}  // namespace core::watch
