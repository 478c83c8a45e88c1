#include "core/printable.hpp"

#include <algorithm>
#include <cstdint>

namespace core {
namespace {

std::uint32_t code_point(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence.front());
  if (sequence.size() == 1) return first;
  std::uint32_t code = first & (0x7fU >> sequence.size());
  for (const char c : sequence.substr(1)) {
    code = code << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  }
  return code;
}

bool is_harmless(std::uint32_t code) {
  return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && !(code >= 0x2028 && code <= 0x202e) &&
         !(code >= 0x2066 && code <= 0x2069) && code != 0x61c && code != 0x200e && code != 0x200f;
}

std::string_view shown(std::string_view character) {
  if (character == "\n" || character == "\r" || character == "\t") return " ";
  return is_harmless(code_point(character)) ? character : "?";
}

}  // namespace

std::size_t sequence_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t size = first < 0x80                    ? 1
                           : first >= 0xc2 && first < 0xe0 ? 2
                           : first >= 0xe0 && first < 0xf0 ? 3
                           : first >= 0xf0 && first < 0xf5 ? 4
                                                           : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is beyond U+10FFFF.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90)) {
    return 0;
  }
  return size;
}

std::string printable(std::string_view text, std::size_t longest) {
  std::string out;
  out.reserve(std::min(text.size(), longest));
  while (!text.empty()) {
    const std::size_t size = sequence_size(text);
    const std::string_view character = size == 0 ? "\xef\xbf\xbd" : shown(text.substr(0, size));
    if (out.size() + character.size() > longest) return out + "…";
    out += character;
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace core
