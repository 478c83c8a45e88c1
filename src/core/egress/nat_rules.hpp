// A NAT pod's static rules, whatever the number of its clients. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "core/egress/destination_ranges.hpp"
#include "core/egress/plan_nat.hpp"
#include "core/objects.hpp"
#include "core/state/ruleset.hpp"
#include "core/state/state.hpp"

namespace core {

enum class NatSet : std::uint8_t {
  peers,             // outer . inner source address of what may come through a tunnel
  clients,           // addresses of clients; counts what they send
  replies,           // the same; counts what they receive
  opened,            // the same; counts the connections that they open
  drops,             // packet mark, a reason: counts what is refused for it
  egress_addresses,  // client address : the address that it leaves with
  destinations,      // direction of a connection's opener . ranges that the Egress leads to
};
template <>
inline constexpr int catalogue_of<NatSet> = 1;

// In the order of the enum.
const std::vector<nft::Set>& nat_sets();

struct NatRulesInput {
  Egress::Encapsulation encapsulation{};
  std::uint16_t port = 0;        // of the tunnels
  bool snat = false;             // by NatSet::egress_addresses, else masquerade
  std::uint16_t client_mss = 0;  // of TCP's segments to and from a client, at most
};

nft::Table nat_table(Family family, const NatRulesInput& input);

// One for each reason, to count it.
std::vector<Element> drop_elements(Family family);
Element destination_element(const AddressRange& range);

}  // namespace core
