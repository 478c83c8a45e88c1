// `pona edge status`, once or again and again.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <iostream>
#include <string_view>

#include "cmd/edge/ask_running.hpp"
#include "cmd/edge/collect_status.hpp"
#include "cmd/edge/run.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/printable.hpp"
#include "net/kernel.hpp"

namespace cmd {
namespace {

struct Look {
  std::string text;
  bool healthy = false;
};

Look look(const std::string& socket, bool json) {
  if (const auto answer = ask_edge(socket, "/status")) {
    const EdgeStatus status = parse_status(*answer);
    return {json ? *answer : to_text(status), status.process && status.process->healthy};
  }
  const auto kernel = net::open_kernel(core::edge_scope(), false);
  const EdgeStatus status = collect(*kernel);
  if (json) return {to_json(status)};
  return {"No pona edge listens on " + socket + ": this is what the kernel holds by itself.\n\n" +
          to_text(status)};
}

// The terminal's second screen, so that the first comes back as it was.
class Screen {
 public:
  Screen() { std::cout << "\x1b[?1049h\x1b[?25l"; }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { std::cout << "\x1b[?25h\x1b[?1049l" << std::flush; }

  void draw(std::string_view text) {
    winsize size{};
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    std::cout << "\x1b[H";
    std::size_t row = 0;
    for (; !text.empty() && (!known || row < size.ws_row); ++row) {
      const std::size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      // What would wrap would push the top out.
      const std::size_t width = known && size.ws_col > 0 ? size.ws_col : line.size();
      std::cout << (row == 0 ? "" : "\r\n") << core::printable(line.substr(0, width)) << "\x1b[K";
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    std::cout << "\x1b[J" << std::flush;
  }
};

std::string look_or_say_why_not(const std::string& socket, bool json) {
  try {
    return look(socket, json).text;
  } catch (const core::Error& error) {
    return core::printable(error.what()) + '\n';
  }
}

void watch_edge(const std::string& socket, bool json, std::chrono::milliseconds interval) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const timespec pause{interval.count() / 1000, interval.count() % 1000 * 1'000'000};

  std::optional<Screen> screen;
  if (isatty(STDOUT_FILENO) == 1 && !json) screen.emplace();
  while (std::cout) {
    const std::string text = look_or_say_why_not(socket, json);
    if (screen) {
      screen->draw(text);
    } else {
      print_lines(std::cout, text);
      std::cout << std::flush;
    }
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (signal > 0 && signal != SIGWINCH) return;
  }
}

}  // namespace

int show_edge(const std::string& socket, bool json,
              std::optional<std::chrono::milliseconds> watch) {
  if (watch) {
    watch_edge(socket, json, *watch);
    return 0;
  }
  const Look seen = look(socket, json);
  print_lines(std::cout, seen.text);
  return seen.healthy ? 0 : 1;
}

}  // namespace cmd
