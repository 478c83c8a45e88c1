#include "core/special_use.hpp"

#include <algorithm>

namespace core {

std::string_view special_use(const Address& address) {
  const auto bytes = address.bytes();
  const auto zero = [](std::uint8_t byte) { return byte == 0; };
  if (std::ranges::all_of(bytes, zero)) return "the unspecified address";
  if (address.family() == Family::ipv4) {
    if (bytes[0] == 127) return "a loopback address";
    if (bytes[0] == 169 && bytes[1] == 254) return "a link-local address";
    if (bytes[0] >= 224 && bytes[0] < 240) return "a multicast address";
    if (std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 255; })) {
      return "the broadcast address";
    }
    return {};
  }
  if (bytes[0] == 0xff) return "a multicast address";
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) return "a link-local address";
  if (!std::ranges::all_of(bytes.first(10), zero)) return {};
  if (bytes[10] == 0xff && bytes[11] == 0xff) return "an IPv4 address in IPv6 form";
  const bool one = std::ranges::all_of(bytes.subspan(10, 5), zero) && bytes[15] == 1;
  return one ? "a loopback address" : "";
}

}  // namespace core
