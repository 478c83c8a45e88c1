// Which conntrack entries end when forwards change, gathered until a commit and swept after it:
// before it, the old rules could make a wrong entry anew. What is stale is core::is_stale's to say.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "core/edge/forward.hpp"
#include "core/edge/plan_edge.hpp"
#include "net/kernel.hpp"

namespace cmd {

class EdgeSweep {
 public:
  // Several changes of one forward become one, from the first `before` to the last `after`.
  void note(const std::vector<core::ForwardChange>& changes);

  // Every entry is to be judged by these forwards: after a start, or when the rules were away.
  void note_all(std::vector<std::shared_ptr<const core::Forward>> forwards);

  // The kernel held a forward that the plan does not have.
  void note_found(const core::ForwardKey& key);

  [[nodiscard]] bool pending() const { return all_ || !changes_.empty(); }

  // Returns how many entries were deleted. When the kernel refuses (core::Error) all stays pending.
  std::size_t run(net::Kernel& kernel);

 private:
  std::map<core::ForwardKey, core::ForwardChange> changes_;
  bool all_ = false;
};

// Whether the change can have left entries that must go.
bool needs_sweep(const core::ForwardChange& change);

}  // namespace cmd
