// The sums that headers of the network hold.
#pragma once

#include <cstdint>

#include "core/packet/packet.hpp"

namespace core::packet {

// RFC 1071: to be written as it is, most significant byte first. `start` is a sum not yet folded.
std::uint16_t internet_checksum(ByteView bytes, std::uint32_t start = 0);
// Of the pseudo header of TCP, UDP and ICMPv6, to start with.
std::uint32_t pseudo_header_sum(const Address& source, const Address& destination,
                                std::uint8_t protocol, std::uint32_t length);
// RFC 9260, appendix A: of SCTP; to be written least significant byte first.
std::uint32_t crc32c(ByteView bytes);

}  // namespace core::packet
