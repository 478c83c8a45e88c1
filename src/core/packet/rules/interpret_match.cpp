// Registers: what is compared, computed, and looked up in sets.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/packet/rules/interpret_run.hpp"

namespace core::packet {
namespace {

// The sign of memcmp() of the register and `value`; nothing where bytes that decide are not known.
std::optional<int> compare_register(const Registers& registers, Register at, ByteView value) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!registers.known_byte(at + i)) return std::nullopt;
    const std::uint8_t byte = registers.bytes(at + static_cast<Register>(i), 1)[0];
    if (byte != value[i]) return byte < value[i] ? -1 : 1;
  }
  return 0;
}

// Also where bytes are not known, if others differ.
std::optional<bool> equals_register(const Registers& registers, Register at, ByteView value) {
  if (value.empty()) return true;
  const ByteView bytes = registers.bytes(at, value.size());
  if (registers.known(at, value.size())) {
    return std::memcmp(bytes.data(), value.data(), value.size()) == 0;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (registers.known_byte(at + i) && bytes[i] != value[i]) return false;
  }
  return std::nullopt;
}

bool holds(Compare::Op op, int order) {
  switch (op) {
    case Compare::Op::eq:
      return order == 0;
    case Compare::Op::neq:
      return order != 0;
    case Compare::Op::lt:
      return order < 0;
    case Compare::Op::lte:
      return order <= 0;
    case Compare::Op::gt:
      return order > 0;
    case Compare::Op::gte:
      return order >= 0;
  }
  return false;
}

std::uint8_t byte_at(const Bytes& bytes, std::size_t at) {
  return at < bytes.size() ? bytes[at] : 0;
}

void mask_register(Registers& registers, const Bitwise& bitwise, std::size_t at) {
  const std::size_t from = bitwise.from + at;
  const std::uint8_t mask = byte_at(bitwise.mask, at);
  // Bits that the mask clears need not be known.
  const bool known = mask == 0 || registers.known_byte(from);
  const ByteView byte = registers.bytes(static_cast<Register>(from), 1);
  const std::uint8_t value = byte.empty() ? 0 : byte[0];
  registers.set_byte(bitwise.to + at,
                     static_cast<std::uint8_t>((value & mask) ^ byte_at(bitwise.flip, at)), known);
}

void combine_registers(Registers& registers, const Bitwise& bitwise, std::size_t at) {
  const std::size_t from = bitwise.from + at;
  bool known = registers.known_byte(from);
  const ByteView left = registers.bytes(static_cast<Register>(from), 1);
  std::uint8_t right = byte_at(bitwise.mask, at);
  if (bitwise.second) {
    const ByteView second = registers.bytes(*bitwise.second + static_cast<Register>(at), 1);
    right = second.empty() ? 0 : second[0];
    known = known && registers.known_byte(*bitwise.second + at);
  }
  const std::uint8_t value = left.empty() ? 0 : left[0];
  const int result = bitwise.op == Bitwise::Op::op_and  ? value & right
                     : bitwise.op == Bitwise::Op::op_or ? value | right
                                                        : value ^ right;
  registers.set_byte(bitwise.to + at, static_cast<std::uint8_t>(result), known);
}

// Over words of 32 bits, the first one the highest.
void shift_registers(Registers& registers, const Bitwise& bitwise) {
  const std::size_t words = std::min<std::size_t>((bitwise.length + 3) / 4, register_bytes / 4);
  std::array<std::optional<std::uint32_t>, register_bytes / 4> source{};
  for (std::size_t i = 0; i < words; ++i) {
    source[i] = registers.word(bitwise.from + static_cast<Register>(i * 4));
  }
  const std::uint32_t shift = bitwise.shift % 32;
  const bool left = bitwise.op == Bitwise::Op::left_shift;
  for (std::size_t i = 0; i < words; ++i) {
    const bool edge = left ? i + 1 == words : i == 0;
    const std::optional<std::uint32_t> carried =
        edge || shift == 0 ? std::optional<std::uint32_t>(0) : source[left ? i + 1 : i - 1];
    const Register to = bitwise.to + static_cast<Register>(i * 4);
    if (!source[i] || !carried) {
      const std::string what(registers.unknown_text(bitwise.from, bitwise.length));
      registers.forget(to, 4, what, registers.unknown_kind(bitwise.from, bitwise.length));
      continue;
    }
    const std::uint32_t more = shift == 0 ? 0
                               : left     ? *carried >> (32 - shift)
                                          : *carried << (32 - shift);
    registers.store32(to, (left ? *source[i] << shift : *source[i] >> shift) | more);
  }
}

// What the element brings along: a limit may make it not match.
Outcome element_expressions(Run& run, const std::vector<Expression>& expressions) {
  for (const Expression& expression : expressions) {
    if (evaluate(run, expression) == Outcome::no_match) return Outcome::no_match;
  }
  return Outcome::next;
}

bool added_before(const Run& run, const std::string& set, ByteView key) {
  return std::any_of(run.added.begin(), run.added.end(), [&](const auto& one) {
    return one.first == set &&
           std::equal(key.begin(), key.end(), one.second.begin(), one.second.end());
  });
}

Found find_key(Run& run, const std::string& name, Register at) {
  const ChainId id = run.in_table(name);
  const Set* const set = run.ruleset.set(id);
  if (set == nullptr) {
    const bool otherwise =
        run.assume_otherwise("the set @" + name + " cannot be read: assumed not to have it");
    return {otherwise ? Found::Answer::yes : Found::Answer::no, {}, std::nullopt, {}};
  }
  if (!run.registers.known(at, set->key_length)) {
    const bool otherwise = run.fits_unknown(at, set->key_length, "in @" + name);
    return {otherwise ? Found::Answer::yes : Found::Answer::no, {}, std::nullopt, {}};
  }
  const ByteView key = run.registers.bytes(at, set->key_length);
  if (!run.added.empty() && added_before(run, name, key)) {
    return {Found::Answer::yes, {}, std::nullopt, {}};
  }
  Found found = run.ruleset.find(id, key);
  if (found.answer == Found::Answer::unknown) {
    const bool otherwise = run.assume_otherwise("whether the set @" + name +
                                                " has it is not known: assumed not to have it");
    found.answer = otherwise ? Found::Answer::yes : Found::Answer::no;
  }
  return found;
}

Outcome take_data(Run& run, const Lookup& lookup, const Found& found) {
  // As the kernel has it: an element's limit has the last word, also over its verdict.
  if (element_expressions(run, found.expressions) == Outcome::no_match) return Outcome::no_match;
  if (lookup.verdict && found.verdict) {
    run.verdict = *found.verdict;
    return run.verdict.code == Verdict::Code::next ? Outcome::next : Outcome::verdict;
  }
  if (lookup.verdict) {
    run.assume("what @" + lookup.set + " says is not known: assumed to go on");
  } else if (lookup.to && !found.data.empty()) {
    run.registers.store(*lookup.to, found.data);
  } else if (lookup.to) {
    const Set* const set = run.ruleset.set(run.in_table(lookup.set));
    run.registers.forget(*lookup.to, set == nullptr ? 16 : set->data_length,
                         "what @" + lookup.set + " says");
  }
  return Outcome::next;
}

}  // namespace

Outcome carry_out(Run& run, const Verdict& verdict) {
  if (verdict.code == Verdict::Code::next) return Outcome::next;
  run.verdict = verdict;
  return Outcome::verdict;
}

Outcome carry_out(Run& run, const Immediate& immediate) {
  run.registers.store(immediate.to, immediate.value);
  return Outcome::next;
}

Outcome carry_out(Run& run, const Compare& compare) {
  const ByteView value = compare.value;
  if (compare.op == Compare::Op::eq || compare.op == Compare::Op::neq) {
    const auto equal = equals_register(run.registers, compare.at, value);
    if (equal) return match_if(*equal == (compare.op == Compare::Op::eq));
  } else if (const auto order = compare_register(run.registers, compare.at, value)) {
    return match_if(holds(compare.op, *order));
  }
  return match_if(run.fits_unknown(compare.at, value.size(), "compared"));
}

Outcome carry_out(Run& run, const Range& range) {
  const auto low = compare_register(run.registers, range.at, range.from);
  const auto high = compare_register(run.registers, range.at, range.to);
  if ((low && *low < 0) || (high && *high > 0)) return match_if(!range.within);
  if (low && high) return match_if(range.within);
  return match_if(run.fits_unknown(range.at, range.from.size(), "in a range"));
}

Outcome carry_out(Run& run, const Bitwise& bitwise) {
  if (bitwise.op == Bitwise::Op::left_shift || bitwise.op == Bitwise::Op::right_shift) {
    shift_registers(run.registers, bitwise);
    return Outcome::next;
  }
  const std::size_t length = std::min<std::size_t>(bitwise.length, register_bytes);
  run.registers.inherit(bitwise.to, bitwise.from, length);
  if (bitwise.second && run.registers.known(bitwise.from, length)) {
    run.registers.inherit(bitwise.to, *bitwise.second, length);
  }
  for (std::size_t i = 0; i < length; ++i) {
    if (bitwise.op == Bitwise::Op::mask_xor) {
      mask_register(run.registers, bitwise, i);
    } else {
      combine_registers(run.registers, bitwise, i);
    }
  }
  // The kernel computes whole words: of masks that are shorter, what is behind them is 0.
  for (std::size_t i = length; i % 4 != 0; ++i) run.registers.set_byte(bitwise.to + i, 0, true);
  return Outcome::next;
}

Outcome carry_out(Run& run, const Byteorder& byteorder) {
  const std::size_t size = byteorder.size;
  if (size != 2 && size != 4 && size != 8) return Outcome::next;
  const bool swaps = std::endian::native == std::endian::little;
  const std::size_t length = std::min<std::size_t>(byteorder.length, register_bytes);
  std::array<std::pair<std::uint8_t, bool>, register_bytes> source{};
  for (std::size_t i = 0; i < length; ++i) {
    const ByteView byte = run.registers.bytes(byteorder.from + static_cast<Register>(i), 1);
    source[i] = {byte.empty() ? std::uint8_t{0} : byte[0],
                 run.registers.known_byte(byteorder.from + i)};
  }
  run.registers.inherit(byteorder.to, byteorder.from, length);
  for (std::size_t i = 0; i + size <= length; i += size) {
    for (std::size_t j = 0; j < size; ++j) {
      const auto& [value, known] = source[i + (swaps ? size - 1 - j : j)];
      run.registers.set_byte(byteorder.to + i + j, value, known);
    }
  }
  return Outcome::next;
}

Outcome carry_out(Run& run, const Lookup& lookup) {
  const Found found = find_key(run, lookup.set, lookup.at);
  if ((found.answer == Found::Answer::yes) == lookup.inverted) return Outcome::no_match;
  return lookup.inverted ? Outcome::next : take_data(run, lookup, found);
}

Outcome carry_out(Run& run, const Dynset& dynset) {
  if (dynset.op == Dynset::Op::remove) return Outcome::next;
  const ChainId id = run.in_table(dynset.set);
  const Set* const set = run.ruleset.set(id);
  std::vector<Expression> state = dynset.expressions;
  if (set != nullptr && run.registers.known(dynset.key, set->key_length)) {
    const ByteView key = run.registers.bytes(dynset.key, set->key_length);
    if (Found found = run.ruleset.find(id, key);
        found.answer == Found::Answer::yes && !found.expressions.empty()) {
      state = std::move(found.expressions);
    }
    run.added.emplace_back(dynset.set, Bytes(key.begin(), key.end()));
  }
  const Outcome allowed = element_expressions(run, state);
  return dynset.inverted ? Outcome::no_match : allowed;
}

}  // namespace core::packet
