// Addresses that are no host's of its own.
#pragma once

#include <string_view>

#include "core/ip.hpp"

namespace core {

// "a loopback address", "a multicast address" …; empty: it may be another host's. What
// kube-apiserver refuses in EndpointSlices, and IPv4 in IPv6 form.
std::string_view special_use(const Address& address);

}  // namespace core
