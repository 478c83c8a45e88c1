// How long to wait before trying again: longer after each failure. Assign {} after a success.
#pragma once

#include <algorithm>
#include <chrono>

namespace cmd {

class Backoff {
 public:
  static constexpr std::chrono::milliseconds first{100};
  static constexpr std::chrono::milliseconds longest = std::chrono::seconds(30);

  // After one more failure; what trying again cannot mend is tried as rarely as can be.
  std::chrono::milliseconds next(bool transient = true) {
    delay_ = transient ? std::clamp(delay_ * 2, first, longest) : longest;
    return delay_;
  }

  // The same, a quarter shorter to a quarter longer, so that many do not try at the same time.
  // `chance` is in [0, 1).
  std::chrono::milliseconds next(bool transient, double chance) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(next(transient) *
                                                                 (0.75 + chance / 2));
  }

 private:
  std::chrono::milliseconds delay_{};
};

}  // namespace cmd
