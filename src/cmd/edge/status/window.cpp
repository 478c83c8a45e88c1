#include "cmd/edge/status/window.hpp"

#include <algorithm>

#include "cmd/edge/status/filter.hpp"
#include "cmd/serve/text_table.hpp"
#include "core/printable.hpp"

namespace cmd {

std::vector<std::string> window_of(std::string_view text, std::size_t rows, std::size_t columns) {
  const auto all = static_cast<std::size_t>(std::ranges::count(text, '\n')) +
                   (text.empty() || text.ends_with('\n') ? 0 : 1);
  const std::size_t shown = all <= rows ? all : std::max<std::size_t>(rows, 1) - 1;
  std::vector<std::string> lines;
  while (lines.size() < shown) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(shortened(core::printable(text.substr(0, end)), columns));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (shown < all) {
    lines.push_back(shortened(
        "… " + grouped(all - shown) + " more lines; filter with " + std::string(filter_options),
        columns));
  }
  return lines;
}

}  // namespace cmd
