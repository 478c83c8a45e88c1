// A NAT pod's static rules, whatever the number of its clients. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "core/egress/plan_nat.hpp"
#include "core/objects.hpp"
#include "core/state/ruleset.hpp"
#include "core/state/state.hpp"

namespace core {

struct NatRulesInput {
  Egress::Encapsulation encapsulation{};
  std::uint16_t port = 0;        // of the tunnels
  bool snat = false;             // by SetId::egress_addresses, else masquerade
  std::uint16_t client_mss = 0;  // of TCP's segments to a client, at most
};

nft::Table nat_table(Family family, const NatRulesInput& input);

// One for each reason, to count it.
std::vector<Element> drop_elements(Family family);

}  // namespace core
