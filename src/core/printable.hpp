// Text of others (objects, files, servers, names in the kernel) as it may go to a terminal or a
// log. Whatever prints such a text prints what this gives.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace core {

// Bytes of the UTF-8 sequence (RFC 3629) that begins here; 0 where there is none. Not of "".
std::size_t sequence_size(std::string_view text);

// On one line: no control characters of ASCII or ISO 6429 (C0, DEL, C1), which terminals obey, none
// that end a line or change the direction of writing (U+2028 to U+202E, U+2066 to U+2069, U+061C,
// U+200E, U+200F): each is a '?', and line ends and tabs are blanks. What is not UTF-8 becomes
// U+FFFD. Longer than `longest` bytes: as many whole characters as fit, and "…".
std::string printable(std::string_view text, std::size_t longest = std::string_view::npos);

}  // namespace core
