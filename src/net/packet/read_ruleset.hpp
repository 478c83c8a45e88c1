// The whole nftables of a network namespace as a value, for bundles. Not here: reading what a
// packet meets (live_ruleset). Rule: bounded, and what is missing is said.
#pragma once

#include <string>
#include <vector>

#include "core/packet/ruleset.hpp"

namespace net {

struct RulesetLimits {
  std::size_t chains = 300'000;
  std::size_t rules = 300'000;
  std::size_t sets = 100'000;
  std::size_t elements = 1'000'000;
};

struct ReadRuleset {
  core::packet::HeldRuleset ruleset;
  std::vector<std::string> gaps;  // what is not in it, and why, for people; empty: it is all there
};

// Adds to `into` what the namespace of the calling thread has. Throws core::Error where there is no
// socket.
void read_ruleset(core::packet::HeldRuleset& into, std::vector<std::string>& gaps,
                  const RulesetLimits& limits = {});
void read_ruleset(ReadRuleset& into, const RulesetLimits& limits = {});

}  // namespace net
