// The kernel of one edge: the fake of the unit tests, which outlives processes, refuses a chosen
// change, and can end the process in the middle of its work.
#pragma once

#include <cstddef>
#include <functional>

#include "sim/options.hpp"
#include "support/fake_kernel.hpp"

namespace sim {

// The process ends here and now.
struct Killed {};

class Kernel : public support::FakeKernel {
 public:
  explicit Kernel(Sabotage sabotage) : sabotage_(sabotage) {}

  void apply(const core::Changes& changes) override;

  // At the nth change from now on.
  void kill_at(std::size_t operation) {
    kills_ = true;
    fail_at(operation);
  }
  void let_live() {
    kills_ = false;
    fail_at(0);
  }

  // Called after each batch. `refused`: it did not go through; then with the state before.
  std::function<void(bool refused, const core::State& before)> look;

 private:
  Sabotage sabotage_;
  bool kills_ = false;
};

}  // namespace sim
