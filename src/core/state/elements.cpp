#include "core/state/elements.hpp"

#include <algorithm>

namespace core {
namespace {

// Eight bytes at a time: keys are long, and a large plan looks every one of them up.
std::uint64_t mix(std::uint64_t hash, std::span<const std::uint8_t> bytes) {
  for (; !bytes.empty(); bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), 8))) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), std::min<std::size_t>(bytes.size(), 8));
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return hash;
}

std::uint64_t hash_key(const ElementKey& key, std::uint64_t seed) {
  const std::uint64_t head = std::uint64_t{key.set.instance()} << 32 |
                             std::uint64_t{key.key.size} << 24 | std::uint64_t{key.end.size} << 16 |
                             static_cast<std::uint64_t>(key.family) << 8 | key.set.number();
  return mix(mix(seed ^ head, key.key.view()), key.end.view());
}

}  // namespace

std::size_t ElementKeyHash::operator()(const ElementKey& key) const noexcept {
  return static_cast<std::size_t>(hash_key(key, 0));
}

std::uint64_t hash_of(const Element& element, std::uint64_t seed) {
  const auto& [data, chain, jump, comment] = element.value;
  const std::uint64_t sizes =
      std::uint64_t{data.size} << 16 | std::uint64_t{chain.size} << 8 | (jump ? 1U : 0U);
  return mix(mix(hash_key(element.key, seed) ^ sizes, data.view()), chain.view());
}

}  // namespace core
