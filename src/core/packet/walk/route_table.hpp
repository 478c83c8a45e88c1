// Routes and rules of a network namespace as they are listed, and the look-up in them: for what the
// kernel's own answer does not tell (which route refuses), and where there is no kernel to ask
// (a bundle). IPv4's and IPv6's rules are apart. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/packet/walk/network.hpp"

namespace core::packet {

struct ListedRoute {
  Prefix destination;
  std::uint8_t type = 1;  // RTN_*
  std::uint8_t tos = 0;
  std::uint32_t table = 0;
  std::uint32_t metric = 0;
  std::uint32_t device = 0;  // of the first next hop
  std::optional<Address> gateway;
  std::optional<Address> source;
  std::uint32_t mtu = 0;
  std::string text;
  // `encap ip`, as RouteAnswer has it
  std::optional<Address> encap_remote;
  std::optional<Address> encap_local;
  std::uint64_t encap_id = 0;
  std::vector<NextHop> hops;  // where there are several

  friend bool operator==(const ListedRoute&, const ListedRoute&) = default;
};

struct ListedRule {
  std::uint32_t priority = 0;
  std::uint8_t action = 1;  // FR_ACT_*
  bool inverted = false;
  std::optional<Prefix> source;
  std::optional<Prefix> destination;
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0;
  std::string in;  // names; "lo": what is sent from here
  std::string out;
  std::uint8_t tos = 0;
  std::uint8_t protocol = 0;
  std::optional<PortRange> source_ports;
  std::optional<PortRange> destination_ports;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> uids;
  std::optional<std::uint32_t> suppress_length;  // routes of at most this length do not count
  std::uint32_t table = 0;
  bool l3mdev = false;       // the table is that of the VRF; fits what belongs to one only
  std::uint32_t target = 0;  // of FR_ACT_GOTO: the priority to go on at
  Family family{};
  std::string text;

  friend bool operator==(const ListedRule&, const ListedRule&) = default;
};

struct RouteTables {
  std::vector<ListedRule> rules;  // as the kernel lists them: by priority
  std::vector<ListedRoute> routes;

  // `in_name`, `out_name`: of the query's devices; empty for none. `vrf_table`: of the VRF that one
  // of them is or belongs to; 0: none. An answer with an error is one of a rule or route that
  // refuses, whose type and text it has ("rule 100: from all unreachable"), or ENETUNREACH without.
  [[nodiscard]] RouteAnswer look_up(const RouteQuery& query, const std::string& in_name,
                                    const std::string& out_name, std::uint32_t vrf_table = 0) const;
};

}  // namespace core::packet
