#include "core/egress/renew_routes.hpp"

#include <algorithm>
#include <variant>

#include "core/constants.hpp"

namespace core {
namespace {

bool is_about_ipv6_egress(const Change& change) {
  return std::visit(
      []<typename What>(const What& one) {
        if constexpr (ChangeOf<What, Route>) {
          return one.what.table == constants::egress_table &&
                 one.what.destination.family() == Family::ipv6;
        }
        return false;
      },
      change);
}

}  // namespace

void renew_cached_routes(Changes& changes, std::uint16_t probe_port) {
  if (std::ranges::none_of(changes, is_about_ipv6_egress)) return;
  // Says once more what another one says, so that it matters to no packet while it is there; and if
  // it stays by an accident, it is ours to take away.
  const PolicyRule twin{.family = Family::ipv6,
                        .priority = constants::egress_rule_priority,
                        .table = constants::peers_table,
                        .udp_port = probe_port};
  changes.push_back(AddRule{twin});
  changes.push_back(DeleteRule{twin});
}

}  // namespace core
