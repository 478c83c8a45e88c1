#include "core/edge/edge_marks.hpp"

#include <bit>

#include "core/constants.hpp"

namespace core {

EdgeMarks::EdgeMarks(std::uint32_t mask) {
  if (mask == 0) {
    mask = constants::edge_mark_mask;
  }
  const auto shift = static_cast<std::uint32_t>(std::countr_zero(mask));
  const auto width = static_cast<std::uint32_t>(std::popcount(mask));
  const std::uint32_t action_bit = 1U << (shift + width - 2);
  action_mask = action_bit * 3;
  forwarded = action_bit;
  altered = action_bit * 3;
  rejected = action_bit * 2;
  departed = action_bit * 2;
  interface_mask = mask & ~action_mask;
  interface_shift = shift;
  interfaces = (1U << (width - 2)) - 1;
}

}  // namespace core
