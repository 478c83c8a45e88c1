// Elements of nftables' sets: what there is one of for each object, and so by the hundred thousand.
// Not here: which sets there are (set_id), and their declarations (ruleset).
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "core/ip.hpp"
#include "core/state/set_id.hpp"

namespace core {

// A short run of bytes without a heap allocation: there are hundreds of thousands of elements.
template <std::size_t N>
struct Bytes {
  std::uint8_t size = 0;
  std::array<std::uint8_t, N> data{};

  void append(std::span<const std::uint8_t> bytes) {  // the caller keeps within N
    std::ranges::copy(bytes, data.begin() + size);
    size = static_cast<std::uint8_t>(size + bytes.size());
  }
  [[nodiscard]] std::span<const std::uint8_t> view() const { return {data.data(), size}; }

  friend bool operator==(const Bytes& a, const Bytes& b) {
    return a.size == b.size && std::memcmp(a.data.data(), b.data.data(), a.size) == 0;
  }
  friend std::strong_ordering operator<=>(const Bytes& a, const Bytes& b) {
    const int order = std::memcmp(a.data.data(), b.data.data(), std::min(a.size, b.size));
    return order != 0 ? order <=> 0 : a.size <=> b.size;
  }
};

struct ElementKey {
  Family family{};
  SetId set{};
  Bytes<40> key;  // fields in register layout: each padded to 4 bytes when concatenated
  Bytes<16> end;  // interval sets: last value, inclusive, of the key's last field; else empty

  friend bool operator==(const ElementKey&, const ElementKey&) = default;
  friend auto operator<=>(const ElementKey&, const ElementKey&) = default;
};

struct ElementValue {
  Bytes<20> data;                              // maps
  Bytes<28> chain;                             // verdict maps: the chain's name
  bool jump = false;                           // jump, else goto
  std::shared_ptr<const std::string> comment;  // names the object

  friend bool operator==(const ElementValue& a, const ElementValue& b) {
    // The comment is documentation: a difference alone is no reason to touch the data path.
    return a.data == b.data && a.chain == b.chain && a.jump == b.jump;
  }
};

struct Element {
  ElementKey key;
  ElementValue value;

  friend bool operator==(const Element&, const Element&) = default;
};

struct ElementKeyHash {
  std::size_t operator()(const ElementKey& key) const noexcept;
};

// Of key and value, without the comment: equal elements have equal hashes.
std::uint64_t hash_of(const Element& element, std::uint64_t seed);

using Elements = std::unordered_map<ElementKey, ElementValue, ElementKeyHash>;

}  // namespace core
