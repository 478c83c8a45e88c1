// By which device the kernel would send a packet. Not here: routes that are made or followed
// (route).
#pragma once

#include <cstdint>
#include <optional>

#include "core/ip.hpp"
#include "net/netlink/request.hpp"

namespace net {

// The index of the device; nothing where it would not leave this host, or no route leads there.
std::optional<std::uint32_t> device_towards(RequestSocket& socket, const core::Address& to);

}  // namespace net
