// A Mapping and the fields of its spec, for the files that read and write them. Not for others: it
// shows the JSON library (its declarations only).
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/objects.hpp"

namespace kube {

// In the order in which they are written.
inline constexpr std::array<std::string_view, 9> mapping_fields = {"addresses",
                                                                   "allowedSources",
                                                                   "serviceName",
                                                                   "mode",
                                                                   "ports",
                                                                   "sessionAffinity",
                                                                   "preserveClientIP",
                                                                   "maxConnectionsPerSource",
                                                                   "newConnectionsPerSecond"};

// null where the Mapping says nothing.
nlohmann::ordered_json field_json(const core::Mapping& mapping, std::string_view field);

// The whole object.
nlohmann::ordered_json object_json(const core::Mapping& mapping);

std::string format_timestamp(std::int64_t seconds);
// With the fraction that MicroTime must have: "2026-01-31T12:00:00.000000Z".
std::string micro_time(std::int64_t unix_seconds);

// A scalar, without quotes where no reader, of YAML 1.1 either, takes it for anything else.
std::string yaml_scalar(const nlohmann::ordered_json& value);

}  // namespace kube
