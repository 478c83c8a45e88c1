#include "core/egress/probe_packet.hpp"

#include <algorithm>

namespace cmd {
namespace {

constexpr std::array<std::uint8_t, 4> magic = {'P', 'O', 'N', 'A'};
constexpr std::uint8_t version = 1;
constexpr std::uint8_t question = 1;
constexpr std::uint8_t answer = 2;
constexpr std::uint8_t flag_known = 1;
constexpr std::uint8_t flag_draining = 2;
constexpr std::size_t at_nonce = 8;
constexpr std::size_t at_client = 16;

void put(std::span<std::uint8_t> to, std::uint64_t number) {
  for (std::size_t i = 0; i < 8; ++i) {
    to[i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)) & 0xff);
  }
}

std::uint64_t get(std::span<const std::uint8_t> from) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | from[i];
  return number;
}

}  // namespace

std::array<std::uint8_t, Probe::size> encode(const Probe& probe) {
  std::array<std::uint8_t, Probe::size> bytes{};
  std::ranges::copy(magic, bytes.begin());
  bytes[4] = version;
  bytes[5] = probe.answer ? answer : question;
  bytes[6] = static_cast<std::uint8_t>((probe.known ? flag_known : 0) |
                                       (probe.draining ? flag_draining : 0));
  put(std::span(bytes).subspan(at_nonce), probe.nonce);
  put(std::span(bytes).subspan(at_client), probe.client);
  return bytes;
}

std::optional<Probe> decode_probe(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != Probe::size || !std::ranges::equal(bytes.first(magic.size()), magic) ||
      bytes[4] != version || (bytes[5] != question && bytes[5] != answer)) {
    return std::nullopt;
  }
  return Probe{.answer = bytes[5] == answer,
               .known = (bytes[6] & flag_known) != 0,
               .draining = (bytes[6] & flag_draining) != 0,
               .nonce = get(bytes.subspan(at_nonce)),
               .client = get(bytes.subspan(at_client))};
}

std::uint64_t hash_uid(std::string_view uid) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char letter : uid) hash = (hash ^ static_cast<std::uint8_t>(letter)) * 1099511628211U;
  return hash;
}

}  // namespace cmd
