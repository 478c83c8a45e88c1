// What everything that happens by chance in a simulation draws from, and virtual time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace sim {

// Since the world began. Nothing in a simulation reads a real clock.
using Time = std::chrono::microseconds;
inline constexpr Time never = Time::max();

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : generator_(seed) {}

  // Below `limit`. By remainder, not by a distribution: those differ between standard libraries.
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(generator_() % limit); }
  bool per_mille(std::size_t chance) { return below(1000) < chance; }
  Time between(Time least, Time most) {
    return least + Time(below(static_cast<std::size_t>((most - least).count()) + 1));
  }
  double fraction() { return static_cast<double>(below(1U << 30)) / (1U << 30); }
  template <typename Value>
  const Value& one_of(const std::vector<Value>& values) {
    return values[below(values.size())];
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace sim
