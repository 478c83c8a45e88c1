// A token bucket: so many requests at once, so many per second on the average.
#pragma once

#include <algorithm>
#include <chrono>

#include "os/clock.hpp"

namespace kube {

class RateLimit {
 public:
  RateLimit(double per_second, double burst)
      : per_second_(per_second), burst_(burst), tokens_(burst) {}

  // False: not yet.
  bool take(os::Time now) {
    fill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

  // When take() is true next.
  [[nodiscard]] os::Time due(os::Time now) {
    fill(now);
    if (tokens_ >= 1) return now;
    const std::chrono::duration<double> wait((1 - tokens_) / per_second_);
    return now + std::chrono::ceil<std::chrono::milliseconds>(wait);
  }

 private:
  void fill(os::Time now) {
    if (filled_ != os::Time{}) {
      const std::chrono::duration<double> passed = now - filled_;
      tokens_ = std::min(burst_, tokens_ + passed.count() * per_second_);
    }
    filled_ = now;
  }

  double per_second_;
  double burst_;
  double tokens_;
  os::Time filled_{};
};

}  // namespace kube
