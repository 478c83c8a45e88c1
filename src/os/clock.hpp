// Time and chance as the client's state machines take them, so that tests and simulations choose.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace os {

using Time = std::chrono::steady_clock::time_point;

struct Clock {
  std::function<Time()> now;
  std::function<std::int64_t()> unix_seconds;
  std::function<double()> chance;  // in [0, 1)
};

Clock system_clock();

}  // namespace os
