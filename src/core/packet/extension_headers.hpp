// The extension headers of IPv6 (RFC 8200) in the form that Packet::options has them in.
#pragma once

#include <cstdint>
#include <optional>

#include "core/packet/packet.hpp"

namespace core::packet {

inline constexpr std::uint8_t hop_by_hop = 0;
inline constexpr std::uint8_t routing_header = 43;
inline constexpr std::uint8_t fragment_header = 44;
inline constexpr std::uint8_t authentication_header = 51;
inline constexpr std::uint8_t destination_options = 60;

bool is_extension_header(std::uint8_t number);
// Bytes of the header that `bytes` begins with; nothing where they end before it does.
std::optional<std::size_t> extension_header_size(std::uint8_t number, ByteView bytes);
// Where in `options` the first header of this number is.
std::optional<std::size_t> find_extension_header(ByteView options, std::uint8_t number);

}  // namespace core::packet
