// The edge lab's objects as the YAML that an operator would write: one file each, so that one can
// be changed alone. Texts only; writing them is at the end.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cmd {

// External ports of the lab's Mappings.
inline constexpr std::uint16_t web_port = 80;       // HTTP, client address preserved
inline constexpr std::uint16_t echo_port = 7;       // TCP and UDP echo, likewise
inline constexpr std::uint16_t sticky_port = 81;    // HTTP, sessionAffinity ClientIP
inline constexpr std::uint16_t office_port = 8443;  // HTTP, for one source only
inline constexpr std::uint16_t added_port = 8088;   // of the Mapping that is added while it runs

// File name -> text: a Service, its EndpointSlices (IPv4, IPv6) and three Mappings.
std::map<std::string, std::string> edge_manifests();

// The Service's endpoints: those of these pods, as (file name, text) pairs for both families.
std::map<std::string, std::string> endpoint_manifests(const std::vector<std::string_view>& names);

// Each file appears whole: it is written beside and renamed.
void write_manifests(const std::filesystem::path& directory,
                     const std::map<std::string, std::string>& manifests);

}  // namespace cmd
