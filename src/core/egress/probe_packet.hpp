// The question by which agents learn whether a NAT pod is there and knows a client, and its answer:
// one UDP packet each, sent through the tunnel, or beside it where none leads to one NAT pod alone.
// Pure: sockets are probe_socket's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace cmd {

// On the wire: "PONA", version 1, kind (1 question, 2 answer), flags (1 the client is known and in
// place, 2 the NAT pod drains), 0; nonce; hash of the pod's UID. Numbers are big-endian.
struct Probe {
  static constexpr std::size_t size = 24;

  bool answer = false;
  bool known = false;     // of an answer
  bool draining = false;  // likewise
  std::uint64_t nonce = 0;
  std::uint64_t client = 0;  // hash_uid() of the client that asks

  friend bool operator==(const Probe&, const Probe&) = default;
};

std::array<std::uint8_t, Probe::size> encode(const Probe& probe);
// Empty for what is no probe, or one of a version that is not known.
std::optional<Probe> decode_probe(std::span<const std::uint8_t> bytes);

std::uint64_t hash_uid(std::string_view uid);  // FNV-1a, 64 bits

}  // namespace cmd
