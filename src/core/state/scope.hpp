// What of a network namespace a job owns: the one place that says whose a table, route, rule or
// device is. Observing, news and cleaning up keep to it, so that jobs in one namespace leave each
// other alone, and everybody else. Not here: what there should be (plans). Rule: what it owns, it
// may delete; so nothing is owned for its number alone that others may have chosen as well.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/constants.hpp"

namespace core {

struct Scope {
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;  // inclusive
  };

  // The name of its nftables tables, of both families.
  std::string_view table;
  // Its routes have the protocol and are in one of these tables, its rules have it and one of these
  // priorities.
  std::vector<Range> route_tables;
  std::vector<std::uint32_t> rule_priorities;
  // Devices in this link group are its tunnels. Who has any also owns the nexthop objects of the
  // protocol, and the FoU ports that are in use by its tunnels alone; 0: it has none of these.
  std::uint32_t link_group = 0;
  // The same for all jobs, and not enough to tell them apart.
  std::uint8_t protocol = constants::edge_protocol;
  // Sysctls have no owner: a job holds those that its plan names, and lets none go.

  [[nodiscard]] bool links() const { return link_group != 0; }
  [[nodiscard]] bool has_table(std::uint32_t number) const {
    return std::ranges::any_of(route_tables, [number](const Range& range) {
      return range.first <= number && number <= range.last;
    });
  }
  [[nodiscard]] bool has_priority(std::uint32_t priority) const {
    return std::ranges::find(rule_priorities, priority) != rule_priorities.end();
  }
};

inline Scope edge_scope() {
  return {
      .table = constants::edge_table,
      .route_tables = {{constants::edge_route_table_base + 1,
                        constants::edge_route_table_base + constants::edge_route_tables}},
      .rule_priorities = {constants::edge_rule_priority_specific, constants::edge_rule_priority}};
}

// A pod is either a NAT pod or a client: what carries packets to peers is the same in both.
inline Scope nat_scope() {
  return {.table = constants::nat_table,
          .route_tables = {{constants::peers_table, constants::peers_table}},
          .rule_priorities = {constants::peer_rule_priority, constants::nat_rule_priority},
          .link_group = constants::tunnel_group};
}

inline Scope client_scope() {
  return {.table = constants::client_table,
          .route_tables = {{constants::egress_table, constants::egress_table},
                           {constants::peers_table, constants::peers_table}},
          .rule_priorities = {constants::peer_rule_priority, constants::egress_rule_priority},
          .link_group = constants::tunnel_group};
}

}  // namespace core
