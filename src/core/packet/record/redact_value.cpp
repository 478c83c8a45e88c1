#include "core/packet/record/redact_value.hpp"

#include <algorithm>
#include <string>

namespace core::packet {
namespace {

using namespace words;

constexpr std::size_t most_ranges = 512;

std::size_t whole_size(std::uint32_t type) {
  return type == ipv4_type     ? 4
         : type == ipv6_type   ? 16
         : type == ether_type  ? 6
         : type == ifname_type ? 16
                               : 0;
}

bool names_nobody_type(std::uint32_t type) {
  return type != no_type && type != string_type && whole_size(type) == 0;
}

// How many bytes from here on are of one thing.
std::size_t run_at(std::span<const Slot> slots, std::size_t at) {
  std::size_t end = at + 1;
  const bool harmless = slots[at].type == integer_type;
  while (end < slots.size() && slots[end].type == slots[at].type &&
         (harmless || slots[end].index == slots[at].index + (end - at))) {
    ++end;
  }
  return end - at;
}

// Of an address the first bytes, masked; the same of what takes its place.
std::optional<Bytes> other_address(Redaction& redaction, ByteView value,
                                   std::span<const Slot> slots) {
  const std::size_t size = whole_size(slots[0].type);
  Bytes whole(value.begin(), value.end());
  Bytes mask(size);
  for (std::size_t i = 0; i < slots.size(); ++i) mask[i] = slots[i].mask;
  if (!prefix_length(mask)) return std::nullopt;
  whole.resize(size);
  const Address other = redaction.address(Address(whole));
  Bytes result(value.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<std::uint8_t>(other.bytes()[i] & mask[i]);
  }
  return result;
}

Bytes other_name(Redaction& redaction, ByteView value) {
  const auto end = std::ranges::find(value, std::uint8_t{0});
  const std::string name = redaction.name(Meaning::interface, std::string(value.begin(), end));
  Bytes result(name.begin(), name.end());
  result.resize(value.size());
  return result;
}

std::optional<Bytes> redact_run(Redaction& redaction, ByteView value, std::span<const Slot> slots) {
  const std::uint32_t type = slots[0].type;
  if (type == integer_type) return Bytes(value.begin(), value.end());
  const bool whole = std::ranges::all_of(slots, [](const Slot& slot) { return slot.mask == 0xff; });
  if (slots[0].index != 0) return std::nullopt;
  if (is_address(type)) return other_address(redaction, value, slots);
  if (type == ifname_type && whole) return other_name(redaction, value);
  if (type == ether_type && whole && value.size() == whole_size(type)) {
    return redaction.mac(Bytes(value.begin(), value.end()));
  }
  return std::nullopt;
}

bool is_below(const Address& one, const Address& other) { return one < other; }

// The prefixes that make up from..to.
void cover(const Prefix& block, const Address& from, const Address& to,
           std::vector<Prefix>& prefixes) {
  if (is_below(block.last(), from) || is_below(to, block.first())) return;
  if (!is_below(block.first(), from) && !is_below(to, block.last())) {
    prefixes.push_back(block);
    return;
  }
  const auto length = static_cast<std::uint8_t>(block.length + 1);
  Bytes upper(block.address.bytes().begin(), block.address.bytes().end());
  const std::size_t at = block.length / 8;
  upper[at] = static_cast<std::uint8_t>(upper[at] | 0x80U >> block.length % 8);
  cover({block.address, length}, from, to, prefixes);
  cover({Address(upper), length}, from, to, prefixes);
}

std::optional<ValueRanges> run_ranges(Redaction& redaction, ByteView from, ByteView to,
                                      std::span<const Slot> slots) {
  const std::uint32_t type = slots[0].type;
  const bool same = std::ranges::equal(from, to);
  if (same || type == integer_type) {
    auto first = redact_run(redaction, from, slots);
    if (!first) return std::nullopt;
    Bytes last = same ? *first : Bytes(to.begin(), to.end());
    return ValueRanges{{std::move(*first), std::move(last)}};
  }
  const bool whole = std::ranges::all_of(slots, [](const Slot& slot) { return slot.mask == 0xff; });
  if (!is_address(type) || from.size() != whole_size(type) || !whole) return std::nullopt;
  std::vector<Prefix> prefixes;
  const Bytes zeros(from.size());
  if (!is_below(Address(to), Address(from))) {
    cover({Address(zeros), 0}, Address(from), Address(to), prefixes);
  }
  ValueRanges result;
  for (const Prefix& one : prefixes) {
    const Prefix other = redaction.prefix(one);
    const Address first = other.first(), last = other.last();
    result.emplace_back(Bytes(first.bytes().begin(), first.bytes().end()),
                        Bytes(last.bytes().begin(), last.bytes().end()));
  }
  return result;
}

}  // namespace

bool is_harmless(std::span<const Slot> slots) {
  return std::ranges::all_of(slots, [](const Slot& slot) { return slot.type == integer_type; });
}

void append_slots(Slots& slots, std::uint32_t type, std::size_t length) {
  const bool harmless = names_nobody_type(type);
  for (std::size_t i = 0; i < length; ++i) {
    slots.push_back({harmless ? std::uint32_t{integer_type} : type,
                     harmless ? std::uint8_t{0} : static_cast<std::uint8_t>(i), 0xff});
  }
}

Slots slots_of(std::uint32_t nft_type, std::size_t length) {
  std::vector<std::uint32_t> types;
  for (std::uint32_t left = nft_type; left != 0 && types.size() < 6; left >>= 6) {
    types.insert(types.begin(), left & 0x3f);
  }
  Slots slots;
  for (const std::uint32_t type : types) {
    std::size_t size = type == ifname_type ? 16 : size_of_type(type);
    if (size == 0) size = types.size() == 1 ? length : 4;
    append_slots(slots, type, size);
    if (types.size() > 1) append_slots(slots, integer_type, (4 - size % 4) % 4);
  }
  slots.resize(length);
  return slots;
}

std::optional<Bytes> redact_value(Redaction& redaction, ByteView value,
                                  std::span<const Slot> slots) {
  if (value.size() > slots.size()) return std::nullopt;
  slots = slots.first(value.size());
  Bytes result;
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t size = run_at(slots, at);
    const auto one = redact_run(redaction, value.subspan(at, size), slots.subspan(at, size));
    if (!one) return std::nullopt;
    result.insert(result.end(), one->begin(), one->end());
    at += size;
  }
  return result;
}

std::optional<ValueRanges> redact_range(Redaction& redaction, ByteView from, ByteView to,
                                        std::span<const Slot> slots) {
  if (from.size() != to.size() || from.size() > slots.size()) return std::nullopt;
  slots = slots.first(from.size());
  ValueRanges result = {{{}, {}}};
  for (std::size_t at = 0; at < from.size();) {
    const std::size_t size = run_at(slots, at);
    const auto parts = run_ranges(redaction, from.subspan(at, size), to.subspan(at, size),
                                  slots.subspan(at, size));
    if (!parts || result.size() * parts->size() > most_ranges) return std::nullopt;
    ValueRanges longer;
    for (const auto& [first, last] : result) {
      for (const auto& [more, more_last] : *parts) {
        longer.emplace_back(first, last);
        auto& [front, back] = longer.back();
        front.insert(front.end(), more.begin(), more.end());
        back.insert(back.end(), more_last.begin(), more_last.end());
      }
    }
    result = std::move(longer);
    at += size;
  }
  return result;
}

}  // namespace core::packet
