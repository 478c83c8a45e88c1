#include "sim/kernel.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"

namespace sim {
namespace {

bool only_elements(const core::Changes& changes) {
  return std::ranges::all_of(changes, [](const core::Change& change) {
    return std::holds_alternative<core::AddElement>(change) ||
           std::holds_alternative<core::DeleteElement>(change);
  });
}

}  // namespace

void Kernel::apply(const core::Changes& changes) {
  core::Changes given = changes;
  if (sabotage_ == Sabotage::half_batch && only_elements(given)) given.resize(given.size() / 2);
  if (trouble_ == Trouble::none) {
    // No change may come to what a kernel refuses.
    try {
      FakeKernel::apply(given);
    } catch (const core::Error& error) {
      throw Violation("refused", std::string("the kernel does not take a batch: ") + error.what());
    }
    look(nullptr);
    return;
  }
  const support::FakeTables before = tables();
  try {
    FakeKernel::apply(given);
  } catch (const core::Error&) {
    look(&before);
    const bool kill = trouble_ == Trouble::kill;
    let_live();
    if (kill) throw Killed();
    throw;
  }
  look(nullptr);
}

}  // namespace sim
