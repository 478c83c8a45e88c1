// All network namespaces of this machine as values.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/packet/walk/held_network.hpp"

namespace cmd {

struct RecordedWorld {
  std::unique_ptr<core::packet::HeldWorld> world = std::make_unique<core::packet::HeldWorld>();
  std::size_t here = 0;
  std::vector<std::string> gaps;  // what is missing, and why
};

// `here`: the namespace to begin with, by path or name. Throws core::Error where that cannot be
// looked at; others that cannot are gaps.
RecordedWorld record_world(const std::string& sandboxes, const std::string& here,
                           const std::function<void(std::string_view)>& progress);

}  // namespace cmd
