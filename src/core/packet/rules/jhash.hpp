// The kernel's hash of bytes (linux/jhash.h: Bob Jenkins' lookup3), as nft_hash computes it.
#pragma once

#include <cstdint>

#include "core/packet/packet.hpp"

namespace core::packet {

std::uint32_t jhash(ByteView key, std::uint32_t seed);
// reciprocal_scale(): `value` of 2^32 as a share of `modulus`.
std::uint32_t scaled(std::uint32_t value, std::uint32_t modulus);

}  // namespace core::packet
