// The name that a merge key of YAML ("<<") has in a Document until its map ends. No text of YAML or
// JSON can hold it, as it is no UTF-8: a field that is called "<<" is none.
#pragma once

#include <string_view>

namespace kube {

inline constexpr std::string_view merge_key = "\xff<<";

}  // namespace kube
