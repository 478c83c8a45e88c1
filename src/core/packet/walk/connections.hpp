// Connection tracking and its translations in one namespace, as the kernel does them
// (nf_conntrack_core.c, nf_nat_core.c): entries that are there, and those that a walk makes. Pure
// but for the look-up of what is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/context.hpp"
#include "core/packet/rules/interpret.hpp"
#include "core/packet/walk/network.hpp"

namespace core::packet {

// enum ip_conntrack_status
inline constexpr std::uint32_t ips_expected = 1U << 0;
inline constexpr std::uint32_t ips_seen_reply = 1U << 1;
inline constexpr std::uint32_t ips_assured = 1U << 2;
inline constexpr std::uint32_t ips_confirmed = 1U << 3;
inline constexpr std::uint32_t ips_src_nat = 1U << 4;
inline constexpr std::uint32_t ips_dst_nat = 1U << 5;
inline constexpr std::uint32_t ips_src_nat_done = 1U << 7;
inline constexpr std::uint32_t ips_dst_nat_done = 1U << 8;

class Connections {
 public:
  // Gives the context its connection, direction and state. False: there is no room for a new one.
  bool track(const Packet& packet, Context& context, Network& network);

  // Whether rules may still translate this side of it.
  [[nodiscard]] static bool undecided(const Context& context, bool destination);
  // What a rule asks for (or, without, that nothing is translated) is the connection's from now on.
  // `primary`: the address to masquerade as or to redirect to. The result says what became of the
  // port, if that is another one than wished; nothing: no port is left.
  std::optional<std::string> decide(const Packet& packet, Context& context, bool destination,
                                    const std::optional<NatRequest>& request,
                                    const std::optional<Address>& primary, Network& network);
  // Translates the packet as its connection says; true: it is another one now.
  static bool translate(Packet& packet, const Context& context, bool destination);

  // The packet gets on: its connection is remembered.
  void confirm(Context& context);

 private:
  [[nodiscard]] bool used(const FlowTuple& tuple, Network& network);
  [[nodiscard]] std::optional<Connection> find(const FlowTuple& tuple, Network& network);

  std::vector<Connection> made_;
  std::vector<FlowTuple> ended_;  // entries that another connection has taken the place of
};

}  // namespace core::packet
