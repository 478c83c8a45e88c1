// The versions of the CNI specification that pona's plugin speaks.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace cmd {

// In their order.
inline constexpr std::array<std::string_view, 5> cni_versions = {"0.3.0", "0.3.1", "0.4.0", "1.0.0",
                                                                 "1.1.0"};

inline bool is_cni_version(std::string_view version) {
  return std::ranges::find(cni_versions, version) != cni_versions.end();
}

}  // namespace cmd
