// What one simulation is told.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace sim {

// Faults of the edge that are put in on purpose: each must be found by an invariant.
enum class Sabotage : std::uint8_t {
  none,
  delete_on_error,  // an edge forgets all objects while something is wrong with a watch
  drop_event,       // an edge misses a change
  old_version,      // an edge is told an older version of an object again
  half_batch,       // only half of a batch of changes gets into the kernel
  fresh_start,      // an edge that starts takes away what it finds
  hasty_start,      // an edge begins before it has seen all objects
  real_chance,      // something depends on what no seed decides
};

struct Options {
  std::uint64_t seed = 1;
  int steps = 400;  // with faults, before all is left in peace
  bool trace = false;
  Sabotage sabotage = Sabotage::none;
};

// An invariant does not hold. Not a core::Error: nobody but the simulation may catch it.
struct Violation : std::logic_error {
  Violation(std::string rule, const std::string& what) : logic_error(what), name(std::move(rule)) {}
  std::string name;  // of the invariant
};

}  // namespace sim
