// Element keys of the edge's sets, read back: for counters and for a status without a running
// process. The opposite of core/forward's lowering, which says what the sets mean.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>

#include "core/edge/forward.hpp"
#include "core/state/state.hpp"

namespace cmd {

// What a client connects to. Of a range of ports its first one stands for all in counting sets.
struct Target {
  core::Address address;
  core::Protocol protocol{};
  std::uint16_t port = 0;

  friend auto operator<=>(const Target&, const Target&) = default;
};

struct TargetHash {
  std::size_t operator()(const Target& target) const noexcept {
    const std::size_t rest = static_cast<std::size_t>(target.protocol) << 16 | target.port;
    return std::hash<core::Address>{}(target.address) * 31 + rest * 0x9e3779b97f4a7c15U;
  }
};

inline Target first_of(const core::ForwardKey& key) {
  return {key.address, key.protocol, key.ports.first};
}

struct ElementFields {
  std::optional<std::uint8_t> direction;  // traffic: 0 from the client, 1 to it
  core::ForwardKey key;                   // ports.last only where the set says it
  std::optional<std::uint32_t> slot;      // slots, range_slots
};

// Of the sets whose keys hold address . protocol . port; nothing for others or odd sizes.
std::optional<ElementFields> fields_of(const core::ElementKey& key);

// The external ports that lead somewhere.
std::set<core::ForwardKey> carried_by(const core::State& observed);

// The endpoint that a slot holds; ranges: the first port is left to the caller.
std::optional<core::Backend> backend_of(const core::Element& slot);

std::optional<std::uint16_t> port_in(std::span<const std::uint8_t> bytes);

}  // namespace cmd
