#include "cmd/lab/kind.hpp"

#include <array>

namespace cmd {

std::span<const LabKind* const> lab_kinds() {
  static const std::array kinds = {&edge_lab(), &egress_lab()};
  return kinds;
}

}  // namespace cmd
