#include "os/clock.hpp"

#include <ctime>
#include <memory>
#include <random>

namespace os {

Clock system_clock() {
  auto generator = std::make_shared<std::minstd_rand>(std::random_device{}());
  return {[] { return std::chrono::steady_clock::now(); },
          [] { return static_cast<std::int64_t>(std::time(nullptr)); },
          [generator] { return std::uniform_real_distribution<double>()(*generator); }};
}

}  // namespace os
