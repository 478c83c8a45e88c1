// The register file of nf_tables, of which each byte is known or not. Reads and writes outside are
// none, because rules come from files of others as well.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/packet/choices.hpp"
#include "core/packet/expression.hpp"

namespace core::packet {

class Registers {
 public:
  // Up to a multiple of 4 the rest is 0, as the kernel leaves it.
  void store(Register to, ByteView bytes);
  void store8(Register to, std::uint8_t value);
  void store16(Register to, std::uint16_t host);
  void store32(Register to, std::uint32_t host);
  // `what` is not known; `kind`: whether it is another one in each packet.
  void forget(Register to, std::size_t length, std::string_view what,
              Fork::Kind kind = Fork::Kind::assumption);

  [[nodiscard]] bool known(Register at, std::size_t length) const;
  [[nodiscard]] bool known_byte(std::size_t at) const {
    return at < register_bytes && (known_ >> at & 1) != 0;
  }
  // Of `length` bytes at most; bytes that are not known are 0.
  [[nodiscard]] ByteView bytes(Register at, std::size_t length) const;
  // In host order; nothing where it is not all known.
  [[nodiscard]] std::optional<std::uint32_t> word(Register at) const;
  [[nodiscard]] std::optional<std::uint16_t> port(Register at) const;  // 2 bytes in network order

  // Says what of these bytes is not known.
  [[nodiscard]] std::string_view unknown_text(Register at, std::size_t length) const;
  [[nodiscard]] Fork::Kind unknown_kind(Register at, std::size_t length) const;
  // Computed of what `from` holds: what is not known there is what is not known here.
  void inherit(Register to, Register from, std::size_t length);
  void set_byte(std::size_t at, std::uint8_t value, bool known);

 private:
  [[nodiscard]] std::size_t unknown_word(Register at, std::size_t length) const;

  std::array<std::uint8_t, register_bytes> bytes_{};
  std::uint64_t known_ = 0;  // a bit for each byte
  struct Doubt {
    std::string what;
    Fork::Kind kind = Fork::Kind::assumption;
  };
  std::array<Doubt, register_bytes / 4> doubts_{};  // of each word
};

}  // namespace core::packet
