// What of a text a terminal shows at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cmd {

// The first lines, printable and none wider than `columns`, as many as there are rows. If that is
// not all, the last one says how many more there are, and how to have fewer.
std::vector<std::string> window_of(std::string_view text, std::size_t rows, std::size_t columns);

}  // namespace cmd
