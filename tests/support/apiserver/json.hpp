// JSON as the test API server holds objects, and the few look-ups every file needs. Included by the
// files of this folder only: what others include is server.hpp, which knows no JSON library.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace support::apiserver {

using Json = nlohmann::json;
// An object as it was at one revision. Never changed once shared: events and pages hold it.
using Stored = std::shared_ptr<const Json>;
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

// The value at "metadata.labels", or null where a step is missing or no map.
const Json* find(const Json& value, std::string_view path);
Json* find(Json& value, std::string_view path);
// The string there; "" where there is none.
std::string text(const Json& value, std::string_view path);
// Takes the value at the path away, where there is one.
void drop(Json& value, std::string_view path);

std::vector<std::string> split(std::string_view text, char separator);

std::string rfc3339(Time time);  // to the second, as metav1.Time
std::optional<Time> parse_rfc3339(const std::string& text);

// Reads a request's body, JSON or YAML. Throws Refusal, in the words of the API server.
Json parse_body(const std::string& body, bool yaml, const std::string& kind);

}  // namespace support::apiserver
