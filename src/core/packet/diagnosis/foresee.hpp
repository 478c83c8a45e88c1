// What the rules of other programs will make of traffic that is to be translated, before it is: the
// walk of a trace through the rules that are there, with the planned translation in the place of
// our own tables. Pure but for what the world is read from. Rule: what may pass for all that is
// known is not told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/packet/walk/network.hpp"
#include "core/packet/walk/way.hpp"

namespace core::packet {

struct PlannedFlow {
  Packet first;        // of a client, as it comes in
  std::uint32_t in{};  // index of the link
  Address endpoint;    // that it is translated to
  std::uint16_t endpoint_port = 0;
};

struct Foreseen {
  enum class What : std::uint8_t { drops, rejects, diverts, untracks };
  What what{};
  Packet packet;  // as the rule sees it
  // None where rules are told as a whole only: then `text` says which.
  std::optional<RuleReference> rule;
  std::string text;    // "firewalld: nft inet firewalld filter_FORWARD #3 handle 12  …"
  std::string remedy;  // a command, or empty
};

// The first thing that happens to it on this host (the world's place `place`). Nothing: none, or a
// rule decides that is not known in all of it. `own`: the name of our tables.
std::optional<Foreseen> foresee(World& world, std::size_t place, const PlannedFlow& flow,
                                const std::string& own);

// Whose rules are told by the names of their tables and chains: "firewalld"; else "another
// program".
std::string program_of(const ChainId& chain);

}  // namespace core::packet
