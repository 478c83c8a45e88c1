#include "cmd/mapping/options.hpp"

#include "core/error.hpp"

namespace cmd {
namespace {

[[noreturn]] void reject(std::string_view option, std::string_view value, const std::string& why) {
  throw core::Error(core::Error::Kind::usage,
                    std::string(option) + " \"" + std::string(value) + "\": " + why);
}

core::Address parse_address(const std::string& text) {
  const auto prefix = core::Prefix::parse(text);
  if (!prefix || *prefix != core::Prefix::host(prefix->address)) {
    reject("--address", text, "not an IPv4 or IPv6 address like 203.0.113.10");
  }
  return prefix->address;
}

// --allow '' is how a list is emptied.
bool is_empty(const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    if (!value.empty()) return false;
  }
  return true;
}

std::optional<core::Affinity> parse_affinity(const std::string& text) {
  if (text == "None") return core::Affinity::none;
  if (text == "ClientIP") return core::Affinity::client_ip;
  if (text != "default") reject("--affinity", text, "None, ClientIP or default is wanted");
  return std::nullopt;
}

std::optional<bool> parse_boolean(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (text != "default") {
    reject("--preserve-client-ip", text, "true, false or default is wanted");
  }
  return std::nullopt;
}

}  // namespace

bool MappingOptions::any() const {
  return addresses || ports || service || sources || affinity || preserve_client_ip ||
         max_connections_per_source || new_connections_per_second;
}

void apply(const MappingOptions& options, core::Mapping& mapping) {
  if (options.addresses) {
    mapping.addresses.clear();
    for (const std::string& text : *options.addresses) {
      mapping.addresses.push_back(parse_address(text));
    }
  }
  if (options.ports) {
    mapping.ports.clear();
    for (const std::string& text : *options.ports) {
      mapping.ports.push_back(parse_mapping_port(text));
    }
  }
  if (options.service) mapping.service = parse_name(*options.service).name;
  if (options.sources) {
    mapping.allowed_sources.clear();
    const bool everybody = is_empty(*options.sources);
    for (const std::string& text : *options.sources) {
      if (everybody) break;
      const auto prefix = core::Prefix::parse(text);
      if (!prefix) reject("--allow", text, "not an address or network like 198.51.100.0/24");
      mapping.allowed_sources.push_back(*prefix);
    }
  }
  if (options.affinity) mapping.affinity = parse_affinity(*options.affinity);
  if (options.preserve_client_ip) {
    mapping.preserve_client_ip = parse_boolean(*options.preserve_client_ip);
  }
  if (options.max_connections_per_source) {
    mapping.max_connections_per_source = *options.max_connections_per_source;
  }
  if (options.new_connections_per_second) {
    mapping.new_connections_per_second = *options.new_connections_per_second;
  }
}

core::ObjectName parse_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  core::ObjectName name;
  if (slash != std::string_view::npos) name.ns = text.substr(0, slash);
  name.name = text.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (name.name.empty() || slash == 0 || name.name.find('/') != std::string::npos) {
    throw core::Error(core::Error::Kind::usage,
                      "\"" + std::string(text) + "\" is not a name: write NAME or NAMESPACE/NAME");
  }
  return name;
}

core::MappingPort parse_mapping_port(std::string_view text) {
  constexpr auto form = "write PORT[-END][:SERVICE-PORT][/PROTOCOL], like 443:8443/tcp";
  core::MappingPort port;
  std::string_view rest = text;
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    const auto protocol = core::parse_protocol(rest.substr(slash + 1));
    if (!protocol) reject("--port", text, "the protocol is tcp, udp or sctp");
    port.protocol = *protocol;
    rest = rest.substr(0, slash);
  }
  const std::size_t colon = rest.find(':');
  const auto external = core::PortRange::parse(rest.substr(0, colon));
  if (!external) reject("--port", text, form);
  port.ports = *external;
  port.service_port = external->first;
  if (colon != std::string_view::npos) {
    const auto internal = core::PortRange::parse(rest.substr(colon + 1));
    if (!internal) reject("--port", text, form);
    if (!internal->single() && internal->size() != external->size()) {
      reject("--port", text, "both ranges must have the same length");
    }
    port.service_port = internal->first;
  }
  return port;
}

std::string to_string(const core::MappingPort& port) {
  std::string text = core::to_string(port.ports);
  if (port.service_port != port.ports.first) {
    const std::uint32_t last = port.service_port + port.ports.size() - 1;
    text +=
        ":" + core::to_string(core::PortRange{port.service_port, static_cast<std::uint16_t>(last)});
  }
  return text + "/" + std::string(core::to_string(port.protocol));
}

}  // namespace cmd
