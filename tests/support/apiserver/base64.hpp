// Base64 in its URL-safe spelling without padding, as continue tokens have it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace support::apiserver {

std::string to_base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace support::apiserver
