#include "core/packet/rules/jhash.hpp"

#include <bit>
#include <cstddef>
#include <cstring>

namespace core::packet {
namespace {

struct HashState {
  std::uint32_t a, b, c;

  void mix() {
    step(a, c, b, 4);
    step(b, a, c, 6);
    step(c, b, a, 8);
    step(a, c, b, 16);
    step(b, a, c, 19);
    step(c, b, a, 4);
  }
  void finish() {
    fold(c, b, 14);
    fold(a, c, 11);
    fold(b, a, 25);
    fold(c, b, 16);
    fold(a, c, 4);
    fold(b, a, 14);
    fold(c, b, 24);
  }

 private:
  static void step(std::uint32_t& to, std::uint32_t& from, std::uint32_t more, int bits) {
    to -= from;
    to ^= std::rotl(from, bits);
    from += more;
  }
  static void fold(std::uint32_t& to, std::uint32_t from, int bits) {
    to ^= from;
    to -= std::rotl(from, bits);
  }
};

std::uint32_t host_word(ByteView bytes, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

}  // namespace

std::uint32_t jhash(ByteView key, std::uint32_t seed) {
  const std::uint32_t start = 0xdeadbeef + static_cast<std::uint32_t>(key.size()) + seed;
  HashState state{start, start, start};
  while (key.size() > 12) {
    state.a += host_word(key, 0);
    state.b += host_word(key, 4);
    state.c += host_word(key, 8);
    state.mix();
    key = key.subspan(12);
  }
  if (key.empty()) return state.c;
  std::uint32_t* const words[] = {&state.a, &state.b, &state.c};
  for (std::size_t i = 0; i < key.size(); ++i) {
    *words[i / 4] += static_cast<std::uint32_t>(key[i]) << i % 4 * 8;
  }
  state.finish();
  return state.c;
}

std::uint32_t scaled(std::uint32_t value, std::uint32_t modulus) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) * modulus >> 32);
}

}  // namespace core::packet
