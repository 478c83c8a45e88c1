#include "core/packet/extension_headers.hpp"

namespace core::packet {

bool is_extension_header(std::uint8_t number) {
  return number == hop_by_hop || number == routing_header || number == fragment_header ||
         number == authentication_header || number == destination_options;
}

std::optional<std::size_t> extension_header_size(std::uint8_t number, ByteView bytes) {
  if (bytes.size() < 8) return std::nullopt;
  const std::size_t size = number == fragment_header         ? 8
                           : number == authentication_header ? (bytes[1] + std::size_t{2}) * 4
                                                             : (bytes[1] + std::size_t{1}) * 8;
  if (size < 8 || size > bytes.size()) return std::nullopt;
  return size;
}

std::optional<std::size_t> find_extension_header(ByteView options, std::uint8_t number) {
  std::size_t at = 0;
  while (at < options.size()) {
    if (options[at] == number) return at;
    const auto size = extension_header_size(options[at], options.subspan(at));
    if (!size) return std::nullopt;
    at += *size;
  }
  return std::nullopt;
}

}  // namespace core::packet
