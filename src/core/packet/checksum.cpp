#include "core/packet/checksum.hpp"

namespace core::packet {
namespace {

std::uint32_t sum_of_words(ByteView bytes, std::uint32_t sum) {
  std::uint64_t total = sum;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    total += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  }
  if (bytes.size() % 2 != 0) total += static_cast<std::uint32_t>(bytes.back() << 8);
  while (total >> 32 != 0) total = (total & 0xffffffff) + (total >> 32);
  return static_cast<std::uint32_t>(total);
}

}  // namespace

std::uint16_t internet_checksum(ByteView bytes, std::uint32_t start) {
  std::uint32_t sum = sum_of_words(bytes, start);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xffff);
}

std::uint32_t pseudo_header_sum(const Address& source, const Address& destination,
                                std::uint8_t protocol, std::uint32_t length) {
  return sum_of_words(source.bytes(), sum_of_words(destination.bytes(), 0)) + protocol +
         (length >> 16) + (length & 0xffff);
}

std::uint32_t crc32c(ByteView bytes) {
  constexpr std::uint32_t reflected_polynomial = 0x82f63b78;
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? reflected_polynomial : 0);
    }
  }
  return ~crc;
}

}  // namespace core::packet
