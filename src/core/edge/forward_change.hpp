// What becomes of a forward when objects change.
#pragma once

#include <memory>
#include <vector>

#include "core/edge/forward.hpp"

namespace core {

// A forward that changed: what the conntrack sweep after the commit needs.
struct ForwardChange {
  std::shared_ptr<const Forward> before;  // null: new
  std::shared_ptr<const Forward> after;   // null: gone
};

// A forward that goes from one Mapping to another is one change, not a loss and a gain: its flows
// are judged by what serves them now.
void join(std::vector<ForwardChange>& changes);

}  // namespace core
