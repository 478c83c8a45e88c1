// `pona edge status`, once or again and again.
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "cmd/edge/ask_running.hpp"
#include "cmd/edge/collect_status.hpp"
#include "cmd/edge/run.hpp"
#include "cmd/edge/status/window.hpp"
#include "cmd/print.hpp"
#include "cmd/screen.hpp"
#include "core/error.hpp"
#include "core/printable.hpp"
#include "net/kernel.hpp"

namespace cmd {
namespace {

// Of a list, on a terminal: more would push all before it out of sight.
constexpr std::size_t most_rows_at_once = 100;

struct Look {
  std::string text;
  bool healthy = false;
};

// What goes to a file or a pipe is whole, and so is what is asked for like that.
StatusLayout layout_for(const EdgeShow& show) {
  const auto size = terminal_size();
  if (!size || show.format == "wide") return {};
  StatusLayout layout;
  layout.width = size->columns;
  // When watched, the screen is what cuts.
  if (!show.watch) layout.most_rows = most_rows_at_once;
  return layout;
}

std::string chosen_text(const EdgeStatus& all, const EdgeShow& show) {
  StatusLayout layout = layout_for(show);
  if (!show.filter.any()) return to_text(all, layout);
  const EdgeStatus shown = select(all, show.filter);
  layout.selection = selection_text(show.filter, shown, all);
  return to_text(shown, layout);
}

std::string chosen_json(const EdgeStatus& all, const EdgeShow& show) {
  return to_json(show.filter.any() ? select(all, show.filter) : all);
}

Look look(const EdgeShow& show) {
  const bool json = show.format == "json";
  if (const auto answer = ask_edge(show.socket, "/status")) {
    const EdgeStatus status = parse_status(*answer);
    const bool healthy = status.process && status.process->healthy;
    // As it is, with what another version may have added.
    if (json && !show.filter.any()) return {*answer, healthy};
    return {json ? chosen_json(status, show) : chosen_text(status, show), healthy};
  }
  const auto kernel = net::open_kernel(core::edge_scope(), false);
  const EdgeStatus status = collect(*kernel);
  if (json) return {chosen_json(status, show)};
  return {"No pona edge listens on " + show.socket +
          ": this is what the kernel holds by itself.\n\n" + chosen_text(status, show)};
}

std::string look_or_say_why_not(const EdgeShow& show) {
  try {
    return look(show).text;
  } catch (const core::Error& error) {
    return core::printable(error.what()) + '\n';
  }
}

void watch_edge(const EdgeShow& show) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const auto interval = *show.watch;
  const timespec pause{interval.count() / 1000, interval.count() % 1000 * 1'000'000};

  std::optional<Screen> screen;
  if (isatty(STDOUT_FILENO) == 1 && show.format != "json") screen.emplace();
  while (std::cout) {
    const std::string text = look_or_say_why_not(show);
    if (screen) {
      // What would wrap would push the top out.
      const TerminalSize size = terminal_size().value_or(TerminalSize{10'000, 10'000});
      screen->draw(window_of(text, size.rows, size.columns));
    } else {
      print_lines(std::cout, text);
      std::cout << std::flush;
    }
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (signal > 0 && signal != SIGWINCH) return;
  }
}

}  // namespace

int show_edge(const EdgeShow& show) {
  if (show.watch) {
    watch_edge(show);
    return 0;
  }
  const Look seen = look(show);
  print_lines(std::cout, seen.text);
  return seen.healthy ? 0 : 1;
}

}  // namespace cmd
