// One simulated cluster with three edges, from a seed: everything that happens in it is decided by
// that. One thing at a time: whatever is due next.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/edge.hpp"
#include "sim/network.hpp"
#include "sim/options.hpp"
#include "sim/user.hpp"

namespace sim {

class World {
 public:
  explicit World(const Options& options);

  // All of it: faults for so many steps, then peace. Throws a Violation.
  void run();
  [[nodiscard]] std::uint64_t hash() const { return trace_.hash(); }
  [[nodiscard]] int steps() const { return steps_; }
  [[nodiscard]] Time now() const { return now_; }

 private:
  void step();
  void act_user();
  // "leader": never two at once, each by its own clock.
  void check_leaders() const;
  void make_trouble();
  void trouble_edge();
  void trouble_server();
  void choose_faults();
  void make_peace();
  void come_to_rest();
  core::Elements untouched_elements(const std::string& address) const;
  Surroundings surroundings() { return {api_, network_, now_, chance_, trace_, options_}; }

  Options options_;
  Time now_{};
  Chance chance_;
  Trace trace_;
  Api api_;
  Network network_;
  User user_;
  std::vector<std::unique_ptr<Edge>> edges_;
  Time user_due_{};
  Time trouble_due_{};
  int steps_ = 0;
};

}  // namespace sim
