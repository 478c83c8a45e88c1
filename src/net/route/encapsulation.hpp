// Lightweight tunnels (lwtunnel.h), as routes and nexthop objects carry them: attributes <->
// values.
#pragma once

#include <optional>

#include "core/state/state.hpp"
#include "net/netlink/message.hpp"

namespace net {

// `type` and `encap` are the numbers of the attributes in their message: RTA_ENCAP_TYPE, RTA_ENCAP.
void put_encapsulation(nl_msg& message, int type, int encap,
                       const core::Encapsulation& encapsulation);
// Empty where there is none, or another one than ip and ip6.
std::optional<core::Encapsulation> read_encapsulation(const Attributes& attributes,
                                                      std::size_t type, std::size_t encap);

}  // namespace net
