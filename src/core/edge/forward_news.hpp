// What a change of objects or of the host comes to, as an operator would say it: which ports came
// and went, and which endpoints. The same as changes of the kernel: core/state/text.hpp.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/edge/forward_change.hpp"

namespace core {

// A line for all that happened to a Mapping; Mappings to which the same happened share one, and so
// do all whose address came or left. "Mapping shop/web: endpoint 10.1.0.12 removed from 3 ports, 2
// left".
std::vector<std::string> forward_news(const std::vector<ForwardChange>& changes);

}  // namespace core
