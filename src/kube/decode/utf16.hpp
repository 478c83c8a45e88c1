// UTF-16, in which some editors save files: known by the byte order mark that they begin with.
#pragma once

#include <string>
#include <string_view>

namespace kube {

bool is_utf16(std::string_view text);

// Of UTF-16 text, without the mark; lone surrogates become U+FFFD. Everything else as it is.
std::string to_utf8(std::string text);

}  // namespace kube
