// Compressed answers, for those who ask for them (RFC 9110, section 12.5.3).
#pragma once

#include <string>
#include <string_view>

namespace cmd {

// As an HTTP body of content coding "gzip"; empty where `text` is too small to be worth it.
std::string gzip(std::string_view text);

// What Accept-Encoding says of gzip; an absent or empty field accepts nothing here.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace cmd
