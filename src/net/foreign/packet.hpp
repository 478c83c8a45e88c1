// A packet as far as it is known before it comes, and what rules may do to it. Rule: what is not
// known is said to be so, never guessed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "core/ip.hpp"

namespace net::foreign {

enum class Tri : std::uint8_t { no, maybe, yes };

inline Tri both(Tri one, Tri other) { return one < other ? one : other; }

struct Packet {
  core::Family family{};
  core::Protocol protocol{};
  std::string in;  // names of interfaces; empty: not known
  std::string out;
  std::uint32_t in_index = 0;  // 0: not known
  std::uint32_t out_index = 0;
  std::optional<core::Address> source;
  std::optional<core::Address> destination;
  std::optional<std::uint16_t> source_port;
  std::optional<std::uint16_t> destination_port;

  // Connection tracking's words, in the bits of nf_tables (NF_CT_STATE_BIT, IPS_*). A bit of the
  // status is known where the mask has it.
  bool tracked = false;  // false: nothing of this is known
  bool reply = false;
  std::uint32_t state = 0;
  std::uint32_t status = 0;
  std::uint32_t status_known = 0;

  friend bool operator==(const Packet&, const Packet&) = default;
};

// The bytes of a header, as far as they are known: as much of it as anything of a packet may be.
struct HeaderBytes {
  std::array<std::uint8_t, 40> value{};
  std::array<std::uint8_t, 40> known{};  // bits
};
HeaderBytes network_header(const Packet& packet);
HeaderBytes transport_header(const Packet& packet);

// What may become of a packet in a chain; several where that depends on what is not known.
struct Outcome {
  bool accept = false;
  bool drop = false;
  bool fall = false;  // it comes to the chain's end, or returns

  void add(const Outcome& other) {
    accept |= other.accept;
    drop |= other.drop;
    fall |= other.fall;
  }
};
inline constexpr Outcome anything{true, true, true};

// Deeper than the kernel lets chains lead to each other.
inline constexpr int deepest_chain = 64;

}  // namespace net::foreign
