#include "core/state/elements.hpp"

#include <algorithm>

namespace core {
namespace {

constexpr std::string_view set_names[] = {
    "services",
    "guarded",
    "ranges",
    "range-services",
    "range-guarded",
    "altered",
    "range-altered",
    "slots",
    "range-slots",
    "range-ports",
    "sources",
    "refused-source",
    "refused-connections",
    "refused-rate",
    "limits",
    "limit-ids",
    "traffic",
    "range-traffic",
    "endpoints",
    "range-endpoints",
    "pods",
    "addresses",
    "external",
    "returns",
    "departures",
    "departing",
    "snat-addresses",  // "snat" is a keyword of nft: its listing could not be loaded again
    "snat-interfaces",
    "peers",
    "clients",
    "replies",
    "opened",
    "drops",
    "egress-addresses",
    "gateways",
};
static_assert(std::size(set_names) == static_cast<std::size_t>(SetId::count_));

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
  const std::uint64_t head = std::uint64_t{key.key.size} << 24 | std::uint64_t{key.end.size} << 16 |
                             static_cast<std::uint64_t>(key.family) << 8 |
                             static_cast<std::uint64_t>(key.set);
  return mix(mix(seed ^ head, key.key.view()), key.end.view());
}

}  // namespace

std::string_view to_string(SetId set) {
  return set < SetId::count_ ? set_names[static_cast<std::size_t>(set)] : "?";
}

std::optional<SetId> parse_set(std::string_view name) {
  const auto* const found = std::ranges::find(set_names, name);
  if (found == std::end(set_names)) return std::nullopt;
  return static_cast<SetId>(found - std::begin(set_names));
}

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
