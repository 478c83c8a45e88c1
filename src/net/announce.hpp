// Telling the neighbours of a link that an address lives at another MAC now: gratuitous ARP (RFC
// 5227, 3) and unsolicited neighbour advertisements (RFC 4861, 7.2.6). Does not add the address.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/ip.hpp"
#include "net/netns.hpp"

namespace net {

using Mac = std::array<std::uint8_t, 6>;

// The Ethernet frame that announces `address` at `mac`: an ARP request for itself, or a neighbour
// advertisement with the Override flag, to everybody on the link.
std::vector<std::uint8_t> announcement(const core::Address& address, const Mac& mac);

// The frame that asks who has the address, as who has none yet does: an ARP probe, of the sender
// 0.0.0.0 (RFC 5227, 2.1.1), or the neighbour solicitation of duplicate address detection (RFC
// 4862, 5.4.2). It changes nobody's table.
std::vector<std::uint8_t> question(const core::Address& address, const Mac& mac);

// Sends it once from the link with this index.
void announce(const Namespace& where, std::uint32_t link, const Mac& mac,
              const core::Address& address);

}  // namespace net
