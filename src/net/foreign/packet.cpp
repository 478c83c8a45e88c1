#include "net/foreign/packet.hpp"

#include <span>

namespace net::foreign {
namespace {

void put(HeaderBytes& header, std::size_t at, std::span<const std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    header.value[at + i] = bytes[i];
    header.known[at + i] = 0xff;
  }
}

void put_port(HeaderBytes& header, std::size_t at, std::optional<std::uint16_t> port) {
  if (!port) return;
  put(header, at,
      std::array{static_cast<std::uint8_t>(*port >> 8), static_cast<std::uint8_t>(*port)});
}

}  // namespace

HeaderBytes network_header(const Packet& packet) {
  HeaderBytes header;
  const bool ipv4 = packet.family == core::Family::ipv4;
  // In IPv6 other headers may stand between.
  if (ipv4) put(header, 9, std::array{static_cast<std::uint8_t>(packet.protocol)});
  if (packet.source) put(header, ipv4 ? 12 : 8, packet.source->bytes());
  if (packet.destination) put(header, ipv4 ? 16 : 24, packet.destination->bytes());
  return header;
}

HeaderBytes transport_header(const Packet& packet) {
  HeaderBytes header;
  put_port(header, 0, packet.source_port);
  put_port(header, 2, packet.destination_port);
  return header;
}

}  // namespace net::foreign
