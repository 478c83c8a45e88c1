// Who else answers for addresses of this host: asked of its links, as duplicate address detection
// does. Changes nothing, here or at others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/ip.hpp"
#include "net/announce.hpp"

namespace net {

struct AddressOnLink {
  std::uint32_t link = 0;  // index
  Mac mac{};               // of who asks; of who answers
  core::Address address;

  friend bool operator==(const AddressOnLink&, const AddressOnLink&) = default;
};

// Who a frame says has an address: the sender of ARP, who advertises as a neighbour. Nothing for
// others, and for what is cut off.
std::vector<AddressOnLink> claims_in(std::span<const std::uint8_t> frame, std::uint32_t link);

// In the network namespace of the calling thread. Each is asked for twice; what is answered within
// half a second is told, once for each answerer, but for those of `own`. Needs CAP_NET_RAW; throws
// core::Error.
std::vector<AddressOnLink> who_else_has(const std::vector<AddressOnLink>& addresses,
                                        const std::vector<Mac>& own);

}  // namespace net
