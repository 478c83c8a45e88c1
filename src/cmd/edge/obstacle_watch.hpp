// Whether rules of other programs on this host drop mapped traffic: their chains end what the
// edge's own let pass, without a word. Looks again and again, at a sample of what is mapped.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/edge/plan_edge.hpp"
#include "net/kernel.hpp"
#include "os/clock.hpp"

namespace cmd {

class ObstacleWatch {
 public:
  // Looks if it is time to; true: it found something else than before. An error of reading changes
  // nothing: others tell of it.
  bool look(net::Kernel& kernel, const core::EdgePlan& plan, const os::Clock& clock);
  [[nodiscard]] os::Time due() const { return due_; }

  // For operators: one for each chain, with the command that mends it.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] const std::vector<std::string>& chains() const { return chains_; }
  // Claimants of which traffic is known to be dropped, and by what.
  [[nodiscard]] const std::map<core::ObjectId, std::string>& blocked() const { return blocked_; }

 private:
  os::Time due_{};
  std::vector<std::string> warnings_;
  std::vector<std::string> chains_;
  std::map<core::ObjectId, std::string> blocked_;
};

}  // namespace cmd
