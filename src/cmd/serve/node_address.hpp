// The word "node" as a monitor address: the address of the node that a pod of the host's network
// runs on. The manifests of `pona install` have it put into the environment.
#pragma once

#include <string_view>

namespace cmd {

inline constexpr std::string_view node_word = "node";
inline constexpr const char* node_address_variable = "NODE_ADDRESS";
// Why "node" is of no use without it.
inline constexpr const char* no_node_address =
    "needs an IPv4 or IPv6 address in the environment variable NODE_ADDRESS, which a pod gets from "
    "its field status.hostIP";

}  // namespace cmd
