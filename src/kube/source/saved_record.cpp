#include "kube/source/saved_record.hpp"

#include <zlib.h>

#include <array>
#include <cstdint>

namespace kube {
namespace {

constexpr std::size_t checksum_size = 8;

std::array<char, checksum_size> checksum(std::string_view text) {
  const auto value = static_cast<std::uint32_t>(crc32_z(
      crc32_z(0, nullptr, 0), reinterpret_cast<const unsigned char*>(text.data()), text.size()));
  std::array<char, checksum_size> digits{};
  for (std::size_t i = 0; i < checksum_size; ++i) {
    digits[i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 0xf];
  }
  return digits;
}

}  // namespace

RecordLine::RecordLine(std::string& out) : out_(out), begin_(out.size()) {
  out_.append(checksum_size + 1, ' ');
}

void RecordLine::end() {
  const auto digits = checksum(std::string_view(out_).substr(begin_ + checksum_size + 1));
  out_.replace(begin_, checksum_size, digits.data(), checksum_size);
  out_ += '\n';
}

std::optional<std::string_view> read_record(std::string_view line) {
  if (line.size() <= checksum_size + 1 || line[checksum_size] != ' ') return std::nullopt;
  const std::string_view json = line.substr(checksum_size + 1);
  const auto digits = checksum(json);
  if (line.substr(0, checksum_size) != std::string_view(digits.data(), digits.size())) {
    return std::nullopt;
  }
  return json;
}

}  // namespace kube
