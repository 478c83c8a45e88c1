// The types of each set's keys and data, for those who hold an element and not the table: text and
// the fake kernel. The planner declares the sets; a test keeps both alike.
#pragma once

#include <vector>

#include "core/state/state.hpp"

namespace core {

struct SetShape {
  std::vector<nft::Type> key;
  std::vector<nft::Type> data;  // empty: a set
};

const SetShape& shape_of(SetId set);

}  // namespace core
