// The values that rules and sets of nftables hold, with other addresses and interfaces in them:
// what is in their bytes is told by what fills the registers, and by the types of sets. Not here:
// names of chains and sets, comments (Redaction does these when lines are copied). Rule: a value
// that may hold an address and is not understood is left out, so that who reads the rules says "not
// known".
#pragma once

#include <cstddef>

#include "core/packet/record/redaction.hpp"
#include "core/packet/ruleset.hpp"

namespace core::packet {

// How many expressions and sets were left out.
std::size_t redact_rules(HeldRuleset& from, HeldRuleset& into, Redaction& redaction);

}  // namespace core::packet
