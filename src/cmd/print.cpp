#include "cmd/print.hpp"

#include <unistd.h>

#include <cstdlib>

#include "core/printable.hpp"

namespace cmd {

bool colour_wanted() {
  const auto value = [](const char* name) {
    const char* const text = std::getenv(name);
    return std::string_view(text == nullptr ? "" : text);
  };
  return isatty(STDOUT_FILENO) == 1 && value("NO_COLOR").empty() && !value("TERM").empty() &&
         value("TERM") != "dumb";
}

void print_line(std::ostream& out, std::string_view text) { out << core::printable(text) << '\n'; }

void print_marked(std::ostream& out, std::string_view text, std::string_view word,
                  std::string_view sgr) {
  if (sgr.empty() || !text.starts_with(word)) return print_line(out, text);
  out << "\033[" << sgr << 'm' << core::printable(word) << "\033[0m";
  print_line(out, text.substr(word.size()));
}

void print_lines(std::ostream& out, std::string_view text) {
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    print_line(out, text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  out << core::printable(text);
}

}  // namespace cmd
