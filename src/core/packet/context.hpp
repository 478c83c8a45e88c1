// What the kernel knows of a packet besides its bytes, while rules look at it. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/packet/packet.hpp"
#include "core/packet/ruleset.hpp"

namespace core::packet {

struct Device {
  std::uint32_t index = 0;
  std::string name;
  std::string kind;        // IFLA_INFO_KIND: "veth", "vxlan"; empty where it has none
  std::uint16_t type = 1;  // ARPHRD_*
  std::uint32_t group = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

// The addresses and ports of one direction; of ICMP echoes the identifier is both ports.
struct FlowTuple {
  std::uint8_t protocol = 0;
  Address source;
  Address destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;

  friend auto operator<=>(const FlowTuple&, const FlowTuple&) = default;
};
FlowTuple tuple_of(const Packet& packet);
FlowTuple reversed(const FlowTuple& tuple);
std::string to_text(const FlowTuple& tuple);  // "tcp 10.0.0.1:1234 > 10.0.0.2:80"

// An entry of connection tracking, found or as the walk makes it.
struct Connection {
  FlowTuple original;
  FlowTuple reply;
  std::uint32_t status = 0;  // IPS_*
  std::uint32_t mark = 0;
  std::uint16_t zone = 0;
  std::uint32_t id = 0;        // CTA_ID; 0: it is one of the walk's
  bool in_kernel = false;      // it was there before
  std::uint8_t tcp_state = 0;  // TCP_CONNTRACK_*
  std::uint32_t timeout = 0;   // seconds left; 0 where not known

  friend bool operator==(const Connection&, const Connection&) = default;
};

// In the bits that rules ask for (NF_CT_STATE_BIT).
enum class CtState : std::uint8_t { invalid, fresh, established, related, untracked };

struct Context {
  Hook hook{};
  std::optional<Device> in;
  std::optional<Device> out;
  std::uint32_t mark = 0;
  std::uint32_t priority = 0;
  std::optional<std::uint32_t> uid;  // of the socket that sends; empty: there is none, or not known
  std::optional<std::uint32_t> gid;
  // Of the frame that it came in by; empty: not known.
  std::optional<Bytes> link_header;

  // Empty until connection tracking has seen it (at priority -200), and for untracked ones.
  std::optional<Connection> connection;
  bool untracked = false;  // a rule said so
  std::uint16_t zone = 0;  // that a rule gave it before connection tracking has seen it
  bool reply = false;      // its direction
  // A rule (tproxy) gave it to a socket of this host that listens on this port.
  std::optional<std::uint16_t> proxied;
  CtState state = CtState::invalid;
};

}  // namespace core::packet
