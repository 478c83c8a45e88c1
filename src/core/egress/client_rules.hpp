// The rules in a client's network namespace. Nothing leaves it for a destination of an Egress
// otherwise than by a tunnel, whatever device a socket is bound to: routes alone cannot say so.
// What came in is answered the way it came. And nobody but its NAT pods may put packets into a
// device that takes tunnel packets from anywhere. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "core/egress/closed_ranges.hpp"
#include "core/state/elements.hpp"
#include "core/state/ruleset.hpp"
#include "core/state/set_id.hpp"

namespace core {

enum class ClientSet : std::uint8_t {
  gateways,  // addresses of NAT pods, and of Services that lead to them
  closed,    // mark . range: what only a tunnel may lead to; the mark is 0
};
template <>
inline constexpr int catalogue_of<ClientSet> = 2;

const std::vector<nft::Set>& client_sets();  // in the order of the enum

struct ClientRulesInput {
  std::set<std::uint16_t> tunnel_ports;  // UDP, of the NAT pods
  // Tunnel packets to it are taken from ClientSet::gateways alone; 0: the kernel sees to that.
  std::uint16_t guarded_port = 0;
};

nft::Table client_table(Family family, const ClientRulesInput& input);
Element closed_element(const AddressRange& range);

}  // namespace core
