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

  // At the nth change from now on the kernel says EINTR, or the process is killed.
  void trouble_at(std::size_t operation, bool kill) {
    trouble_ = kill ? Trouble::kill : Trouble::refuse;
    fail_at(operation);
  }
  void let_live() {
    trouble_ = Trouble::none;
    fail_at(0);
  }

  // Called after each batch; where it was refused, with the tables before.
  std::function<void(const support::FakeTables* before)> look;

 private:
  enum class Trouble : std::uint8_t { none, refuse, kill };

  Sabotage sabotage_;
  Trouble trouble_ = Trouble::none;
};

}  // namespace sim
