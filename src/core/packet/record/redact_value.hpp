// Bytes of registers and sets of which it is known what they are. For redact*.cpp only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/packet/record/redaction.hpp"
#include "core/packet/rules/rule_words.hpp"
#include "core/packet/ruleset.hpp"

namespace core::packet {

// What a byte is: one of an address, of an interface's name, of a MAC (nft's types); `integer_type`
// stands for whatever names nobody, `no_type` for what is not known.
struct Slot {
  std::uint32_t type = words::no_type;
  std::uint8_t index = 0;    // which byte of that
  std::uint8_t mask = 0xff;  // the bits that are left of it

  friend bool operator==(const Slot&, const Slot&) = default;
};
using Slots = std::vector<Slot>;

bool is_harmless(std::span<const Slot> slots);
// Of a value of an nft type, or of several, each padded to 4 bytes; `length` bytes.
Slots slots_of(std::uint32_t nft_type, std::size_t length);
// Of the whole of a type.
void append_slots(Slots& slots, std::uint32_t type, std::size_t length);

// Nothing: it is not known what may be in it.
std::optional<Bytes> redact_value(Redaction& redaction, ByteView value,
                                  std::span<const Slot> slots);
// From the first to the last value: several such, where the range is no prefix. Nothing as above,
// or they are too many.
using ValueRanges = std::vector<std::pair<Bytes, Bytes>>;
std::optional<ValueRanges> redact_range(Redaction& redaction, ByteView from, ByteView to,
                                        std::span<const Slot> slots);

}  // namespace core::packet
