#include "kube/decode/utf16.hpp"

#include <cstdint>

namespace kube {
namespace {

constexpr char32_t replacement_character = 0xfffd;

void append_utf8(std::string& out, char32_t c) {
  const auto byte = [&](char32_t value) { out += static_cast<char>(value); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | (c >> 6));
    byte(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    byte(0xe0 | (c >> 12));
    byte(0x80 | ((c >> 6) & 0x3f));
    byte(0x80 | (c & 0x3f));
  } else {
    byte(0xf0 | (c >> 18));
    byte(0x80 | ((c >> 12) & 0x3f));
    byte(0x80 | ((c >> 6) & 0x3f));
    byte(0x80 | (c & 0x3f));
  }
}

}  // namespace

bool is_utf16(std::string_view text) {
  return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
}

std::string to_utf8(std::string text) {
  if (!is_utf16(text)) return text;
  const bool big = text.starts_with("\xfe\xff");
  const auto unit = [&](std::size_t at) -> char32_t {
    const auto first = static_cast<unsigned char>(text[at]);
    const auto second = static_cast<unsigned char>(text[at + 1]);
    return big ? static_cast<char32_t>(first << 8 | second)
               : static_cast<char32_t>(second << 8 | first);
  };
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 2; at + 1 < text.size(); at += 2) {
    const char32_t high = unit(at);
    if (high < 0xd800 || high > 0xdfff) {
      append_utf8(out, high);
      continue;
    }
    const char32_t low = high < 0xdc00 && at + 3 < text.size() ? unit(at + 2) : 0;
    if (low < 0xdc00 || low > 0xdfff) {
      append_utf8(out, replacement_character);
      continue;
    }
    append_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
    at += 2;
  }
  return out;
}

}  // namespace kube
