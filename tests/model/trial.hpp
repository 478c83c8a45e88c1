// One random ruleset in the kernel, random packets through it, and what the model says of each.
#pragma once

#include <cstdint>

#include "model/lab.hpp"
#include "model/observation.hpp"

namespace model {

// Faults of the model that are put in on purpose: each must be found.
enum class Sabotage : std::uint8_t { none, rule, verdict, mark, address, port, time_to_live };
struct Tally {
  std::uint64_t rulesets = 0;
  std::uint64_t refused = 0;  // rules that the kernel or the program did not take
  std::uint64_t packets = 0;
  std::uint64_t met = 0;      // rules
  std::uint64_t assumed = 0;  // packets whose way depended on what is not modelled
  std::uint64_t different = 0;
};

// In the host's namespace, where it leaves its rules behind. `show`: with its rules, on the
// standard output.
void try_seed(const Lab& lab, Observer& observer, Tally& tally, std::uint64_t seed, bool show,
              Sabotage sabotage);

}  // namespace model
