// FNV-1a, 64 bits: the same in every process and version. For names and for what several
// processes must find alike; no defence against those who choose the text.
#pragma once

#include <cstdint>
#include <string_view>

namespace core {

constexpr std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace core
