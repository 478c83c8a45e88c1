// The terminal as a screen that is drawn again and again, for commands that watch something.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace cmd {

struct TerminalSize {
  std::size_t rows = 0;
  std::size_t columns = 0;
};
// Of standard output, where that is a terminal that knows; at least a line with a few letters.
std::optional<TerminalSize> terminal_size();

// The terminal's second screen, so that the first comes back as it was. Nothing but that and the
// cursor is touched: a process that is killed leaves no terminal behind that does not echo.
class Screen {
 public:
  Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  // At most as many lines as there are rows, none wider than the screen.
  void draw(const std::vector<std::string>& lines);
};

}  // namespace cmd
