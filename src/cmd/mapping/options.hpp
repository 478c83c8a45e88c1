// The values of pona mapping's options: text to core values and back. No parser of command lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/objects.hpp"

namespace cmd {

// What --address, --port, … say; empty where an option was not given. All of them throw core::Error
// (usage) for a value that is not one.
struct MappingOptions {
  std::optional<std::vector<std::string>> addresses;
  std::optional<std::vector<std::string>> ports;
  std::optional<std::string> service;  // "web" or "shop/web"
  std::optional<std::vector<std::string>> sources;
  std::optional<std::string> affinity;            // None, ClientIP, default
  std::optional<std::string> preserve_client_ip;  // true, false, default
  std::optional<std::uint32_t> max_connections_per_source;
  std::optional<std::uint32_t> new_connections_per_second;

  [[nodiscard]] bool any() const;
};

// Changes what was given and nothing else; the name is not looked at.
void apply(const MappingOptions& options, core::Mapping& mapping);

// "web" or "shop/web"; the namespace is empty in the first case.
core::ObjectName parse_name(std::string_view text);

// "443", "443:8443/tcp", "5000-5010:6000-6010/udp": external port or range, Service port, protocol.
core::MappingPort parse_mapping_port(std::string_view text);
std::string to_string(const core::MappingPort& port);

}  // namespace cmd
