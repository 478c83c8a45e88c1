#include "core/packet/rules/registers.hpp"

#include <algorithm>
#include <cstring>

namespace core::packet {
namespace {

std::size_t clipped(Register at, std::size_t length) {
  return at < register_bytes ? std::min<std::size_t>(length, register_bytes - at) : 0;
}

std::uint64_t byte_bits(Register at, std::size_t length) {
  if (length == 0) return 0;
  return (length >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << length) - 1) << at;
}

}  // namespace

void Registers::store(Register to, ByteView bytes) {
  const std::size_t padded = clipped(to, (bytes.size() + 3) / 4 * 4);
  const std::size_t size = std::min(bytes.size(), padded);
  if (padded == 0) return;
  std::memcpy(bytes_.data() + to, bytes.data(), size);
  std::memset(bytes_.data() + to + size, 0, padded - size);
  known_ |= byte_bits(to, padded);
}

void Registers::store8(Register to, std::uint8_t value) { store(to, {&value, 1}); }
void Registers::store16(Register to, std::uint16_t host) {
  std::uint8_t bytes[sizeof host];
  std::memcpy(bytes, &host, sizeof host);
  store(to, bytes);
}
void Registers::store32(Register to, std::uint32_t host) {
  std::uint8_t bytes[sizeof host];
  std::memcpy(bytes, &host, sizeof host);
  store(to, bytes);
}

void Registers::forget(Register to, std::size_t length, std::string_view what, Fork::Kind kind) {
  const std::size_t padded = clipped(to, (length + 3) / 4 * 4);
  if (padded == 0) return;
  std::memset(bytes_.data() + to, 0, padded);
  known_ &= ~byte_bits(to, padded);
  for (std::size_t word = to / 4; word * 4 < to + padded; ++word) {
    doubts_[word].what = what;
    doubts_[word].kind = kind;
  }
}

bool Registers::known(Register at, std::size_t length) const {
  if (clipped(at, length) != length) return false;
  const std::uint64_t bits = byte_bits(at, length);
  return (known_ & bits) == bits;
}

ByteView Registers::bytes(Register at, std::size_t length) const {
  const std::size_t size = clipped(at, length);
  if (size == 0) return {};
  return {bytes_.data() + at, size};
}

std::optional<std::uint32_t> Registers::word(Register at) const {
  std::uint32_t value = 0;
  if (!known(at, sizeof value)) return std::nullopt;
  std::memcpy(&value, bytes_.data() + at, sizeof value);
  return value;
}

std::optional<std::uint16_t> Registers::port(Register at) const {
  if (!known(at, 2)) return std::nullopt;
  return static_cast<std::uint16_t>(bytes_[at] << 8 | bytes_[at + 1]);
}

std::size_t Registers::unknown_word(Register at, std::size_t length) const {
  const std::size_t size = clipped(at, length);
  for (std::size_t i = at; i < at + size; ++i) {
    if (!known_byte(i)) return i / 4;
  }
  return doubts_.size();
}

std::string_view Registers::unknown_text(Register at, std::size_t length) const {
  const std::size_t word = unknown_word(at, length);
  if (word >= doubts_.size() || doubts_[word].what.empty()) return "a register";
  return doubts_[word].what;
}

Fork::Kind Registers::unknown_kind(Register at, std::size_t length) const {
  const std::size_t word = unknown_word(at, length);
  return word < doubts_.size() ? doubts_[word].kind : Fork::Kind::assumption;
}

void Registers::inherit(Register to, Register from, std::size_t length) {
  const std::size_t word = unknown_word(from, length);
  if (to == from || word >= doubts_.size()) return;
  const std::size_t size = clipped(to, length);
  if (size == 0) return;
  for (std::size_t i = to / 4; i * 4 < to + size; ++i) doubts_[i] = Doubt(doubts_[word]);
}

void Registers::set_byte(std::size_t at, std::uint8_t value, bool known) {
  if (at >= register_bytes) return;
  bytes_[at] = known ? value : 0;
  const std::uint64_t bit = std::uint64_t{1} << at;
  known_ = known ? known_ | bit : known_ & ~bit;
}

}  // namespace core::packet
