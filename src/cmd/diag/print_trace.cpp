#include "cmd/diag/print_trace.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>

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

}  // namespace

void print_traces(const std::vector<core::packet::Trace>& traces, const std::string& format,
                  core::packet::TextOptions text) {
  if (format == "json" || format == "jsonl") {
    print_lines(std::cout, format == "json" ? traces_json(traces) : traces_jsonl(traces));
    return;
  }
  text.width = terminal_width();
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
        print_line(std::cout, line);
      }
    }
  }
}

}  // namespace cmd
