#include "sim/kernel.hpp"

#include <optional>

#include "core/error.hpp"

namespace sim {

void Kernel::apply(const core::Changes& changes) {
  core::Changes given = changes;
  if (sabotage_ == Sabotage::half_batch && given.size() > 1) given.resize(given.size() / 2);
  const core::State before = state();
  try {
    FakeKernel::apply(given);
  } catch (const core::Error&) {
    look(true, before);
    if (!kills_) throw;
    let_live();
    throw Killed();
  }
  look(false, before);
}

}  // namespace sim
