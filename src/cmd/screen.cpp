#include "cmd/screen.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>

#include "core/printable.hpp"

namespace cmd {

std::optional<TerminalSize> terminal_size() {
  constexpr unsigned short fewest = 10;
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
      size.ws_row == 0 || size.ws_col < fewest) {
    return std::nullopt;
  }
  return TerminalSize{size.ws_row, size.ws_col};
}

Screen::Screen() { std::cout << "\x1b[?1049h\x1b[?25l"; }

Screen::~Screen() { std::cout << "\x1b[?25h\x1b[?1049l" << std::flush; }

void Screen::draw(const std::vector<std::string>& lines) {
  std::cout << "\x1b[H";
  const char* end = "";
  for (const std::string& line : lines) {
    std::cout << end << core::printable(line) << "\x1b[K";
    end = "\r\n";
  }
  std::cout << "\x1b[J" << std::flush;
}

}  // namespace cmd
