// Counts source ports that are in use, in a thread of its own: conntrack may hold a million
// entries, and the loop must not wait for them.
#pragma once

#include <cstdint>
#include <future>
#include <optional>
#include <vector>

#include "core/edge/port_use.hpp"
#include "os/clock.hpp"

namespace cmd {

class PortCounting {
 public:
  // Begins to count, unless it does so already or did a moment ago: that is no more than a part of
  // 50 of the time. Returns what it has found since it was asked last; of this network namespace,
  // with `least` ports and more.
  std::optional<std::vector<core::PortUse>> ask(std::uint32_t least);

 private:
  struct Counted {
    std::vector<core::PortUse> use;
    bool failed = false;
    os::Time::duration took{};
  };
  static Counted count(std::uint32_t least);

  os::Time from_{};
  std::future<Counted> running_;  // waited for at the end
};

}  // namespace cmd
