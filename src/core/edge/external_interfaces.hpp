// The interfaces by which clients come in, and the next hop to them on each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/edge/edge_settings.hpp"
#include "core/host.hpp"
#include "core/ip.hpp"

namespace core {

struct ExternalInterface {
  std::string name;
  std::uint32_t number = 0;  // 1..255: in marks and table numbers
  std::optional<Address> gateway4;
  std::optional<Address> gateway6;
};

// Whether --external-interfaces names this one.
std::function<bool(const std::string&)> external_names(const EdgeSettings& settings);

// Those that --external-interfaces names, as far as marks have numbers for them.
std::vector<ExternalInterface> find_external(const Host& host, const EdgeSettings& settings);

// The next hop on an external interface: its own default route's if it has one, else the address at
// `offset` from the first subnet's network address (positive), from the broadcast address
// (negative), or the network address itself (0). In a subnet of two the other one; a point-to-point
// interface needs none.
std::optional<Address> gateway_of(const Interface& interface, Family family, int offset);

}  // namespace core
