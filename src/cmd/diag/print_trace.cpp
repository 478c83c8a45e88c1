#include "cmd/diag/print_trace.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <string_view>

#include "cmd/diag/trace_json.hpp"
#include "cmd/print.hpp"

namespace cmd {
namespace {

constexpr std::size_t usual_width = 100;
constexpr std::size_t least_width = 40;

std::size_t terminal_width() {
  winsize size{};
  const bool known = isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return known && size.ws_col > least_width ? size.ws_col : usual_width;
}

// A line of a trace; only what it came to has a colour.
void print_step(const std::string& line, bool colour) {
  struct Mark {
    std::string_view word, sgr;
  };
  constexpr std::array<Mark, 3> marks = {{{"FAIL", "1;31"}, {"WARN", "1;33"}, {"OK", "1;32"}}};
  for (const Mark& mark : marks) {
    if (colour && line.starts_with(std::string(mark.word) + ' ')) {
      return print_marked(std::cout, line, mark.word, mark.sgr);
    }
  }
  print_line(std::cout, line);
}

}  // namespace

void print_traces(const std::vector<core::packet::Trace>& traces, const std::string& format,
                  core::packet::TextOptions text) {
  if (format == "json" || format == "jsonl") {
    print_lines(std::cout, format == "json" ? traces_json(traces) : traces_jsonl(traces));
    return;
  }
  text.width = terminal_width();
  const bool colour = colour_wanted();
  bool first = true;
  for (const core::packet::Trace& trace : traces) {
    if (!first) print_line(std::cout, "");
    first = false;
    if (format == "mermaid") {
      print_lines(std::cout, core::packet::to_mermaid(trace));
    } else if (format == "dot") {
      print_lines(std::cout, core::packet::to_dot(trace));
    } else {
      for (const std::string& line : core::packet::to_lines(trace, text)) {
        print_step(line, colour);
      }
    }
  }
}

}  // namespace cmd
