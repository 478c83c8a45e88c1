#include "core/edge/tables/edge_marks.hpp"

#include <algorithm>
#include <bit>

#include "core/constants.hpp"

namespace core {

EdgeMarks::EdgeMarks(std::uint32_t mask) {
  if (mask == 0) {
    mask = constants::edge_mark_mask;
  }
  // The default once was its lower eight bits: marks of connections that are older keep their
  // meaning.
  const std::uint32_t beyond = mask == constants::edge_mark_mask ? 0x60000000 : 0;
  mask &= ~beyond;
  const auto shift = static_cast<std::uint32_t>(std::countr_zero(mask));
  const auto width = static_cast<std::uint32_t>(std::popcount(mask));
  const std::uint32_t action_bit = 1U << (shift + width - 2);
  action_mask = action_bit * 3;
  forwarded = action_bit;
  altered = action_bit * 3;
  rejected = action_bit * 2;
  departed = action_bit * 2;
  interface_mask = (mask & ~action_mask) | beyond;
  interface_shift = shift;
  const std::uint32_t bits = width - 2 + static_cast<std::uint32_t>(std::popcount(beyond));
  interfaces = std::min((1U << bits) - 1, constants::edge_route_tables);
  if (beyond != 0) {
    low_bits = width - 2;
    high_shift = static_cast<std::uint32_t>(std::countr_zero(beyond));
  }
}

}  // namespace core
