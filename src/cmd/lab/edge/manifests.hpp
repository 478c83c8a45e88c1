// The edge lab's objects. Texts only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/lab/manifests.hpp"

namespace cmd {

// External ports of the lab's Mappings.
inline constexpr std::uint16_t web_port = 80;       // HTTP, client address preserved
inline constexpr std::uint16_t echo_port = 7;       // TCP and UDP echo, likewise
inline constexpr std::uint16_t sticky_port = 81;    // HTTP, sessionAffinity ClientIP
inline constexpr std::uint16_t office_port = 8443;  // HTTP, for one source only
inline constexpr std::uint16_t added_port = 8088;   // of the Mapping that is added while it runs

// File name -> text: a Service, its EndpointSlices (IPv4, IPv6) and three Mappings.
Manifests edge_manifests();

// The Service's endpoints: those of these pods, as (file name, text) pairs for both families.
Manifests endpoint_manifests(const std::vector<std::string_view>& names);

}  // namespace cmd
