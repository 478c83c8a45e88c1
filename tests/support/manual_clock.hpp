// A clock that stands still until a test moves it, and chance from a seed.
#pragma once

#include <memory>
#include <random>

#include "os/clock.hpp"

namespace support {

struct ManualClock {
  os::Time now{std::chrono::hours(1)};
  std::int64_t unix_seconds = 1'700'000'000;
  std::minstd_rand generator{1};

  void advance(std::chrono::milliseconds time) {
    now += time;
    unix_seconds += std::chrono::duration_cast<std::chrono::seconds>(time).count();
  }
  // Refers to this object.
  os::Clock clock() {
    return {[this] { return now; }, [this] { return unix_seconds; },
            [this] { return std::uniform_real_distribution<double>()(generator); }};
  }
};

}  // namespace support
