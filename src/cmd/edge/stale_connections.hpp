// Which conntrack entries end when forwards change, gathered until a commit and swept after it:
// before it, the old rules could make a wrong entry anew. What is stale is core::is_stale's to say.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/edge/forward.hpp"
#include "core/edge/plan_edge.hpp"
#include "net/kernel.hpp"
#include "os/clock.hpp"

namespace cmd {

class EdgeSweep {
 public:
  // `hold`: how long an address may be away (a renewed lease, a take-over that goes back) until the
  // connections through it end. What else ends them does so at once.
  explicit EdgeSweep(std::chrono::seconds hold) : hold_(hold) {}

  // Several changes of one forward become one, from the first `before` to the last `after`.
  void note(const std::vector<core::ForwardChange>& changes);

  // Every entry is to be judged by these forwards: after a start, or when the rules were away.
  void note_all(std::vector<std::shared_ptr<const core::Forward>> forwards);

  // The kernel held a forward that the plan does not have.
  void note_found(const core::ForwardKey& key);

  // When there is something to sweep: the past where it is at once, empty where there is nothing.
  [[nodiscard]] std::optional<os::Time> due() const;

  // Returns how many entries were deleted. When the kernel refuses (core::Error) all stays pending.
  std::size_t run(net::Kernel& kernel, os::Time now);

 private:
  struct Away {
    std::shared_ptr<const core::Forward> before;  // as it was last in effect
    os::Time until{};
  };
  using Changes = std::map<core::ForwardKey, core::ForwardChange>;
  [[nodiscard]] Changes take_away(os::Time now);

  std::chrono::seconds hold_;
  std::map<core::ForwardKey, Away> away_;  // wanted still, but their address is not here
  Changes changes_;
  bool all_ = false;
};

// Whether the change can have left entries that must go.
bool needs_sweep(const core::ForwardChange& change);

}  // namespace cmd
