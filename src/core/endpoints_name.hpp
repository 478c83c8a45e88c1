// What slices are called that were made of an Endpoints object, as manifests may hold it: one for
// each of its subsets. No object can have such a name, so none is met.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace core {

inline std::string slice_of_endpoints(std::string_view endpoints, std::size_t subset) {
  return "endpoints/" + std::string(endpoints) + "/" + std::to_string(subset);
}

inline bool is_of_endpoints(std::string_view slice) { return slice.starts_with("endpoints/"); }

}  // namespace core
