// Recorded netlink messages, written as hexadecimal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/netlink/message.hpp"

namespace net::test {

inline std::vector<std::uint8_t> from_hex(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  std::string digits;
  for (const char c : hex) {
    if (c != ' ' && c != '\n') digits += c;
  }
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// The first message in `bytes`, which must outlive it.
inline NetlinkMessage first_message(const std::vector<std::uint8_t>& bytes) {
  NetlinkMessage first;
  for_each_message(bytes, [&](const NetlinkMessage& message) {
    if (first.bytes.empty()) first = message;
  });
  return first;
}

}  // namespace net::test
