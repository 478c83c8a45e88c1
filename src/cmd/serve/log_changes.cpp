#include "cmd/serve/log_changes.hpp"

#include <vector>

#include "core/state/text.hpp"

namespace cmd {
namespace {

constexpr std::size_t most_lines = 50;
constexpr std::size_t elements_per_line = 8;

}  // namespace

void log_changes(const core::Changes& changes, std::chrono::steady_clock::duration took,
                 std::string_view table) {
  if (!log::enabled(log::Level::info)) return;
  std::vector<std::string> lines;
  if (changes.size() <= most_lines * elements_per_line) {
    lines = core::to_text(changes, elements_per_line, table);
  }
  if (lines.empty() || lines.size() > most_lines) {
    if (log::enabled(log::Level::debug)) {
      for (const std::string& line : core::to_text(changes, elements_per_line, table)) {
        log::debug(line);
      }
    }
    // Runs of elements become a line that counts them.
    lines = core::to_text(changes, 0, table);
  }
  if (lines.size() <= most_lines) {
    for (const std::string& line : lines) log::info(line);
    return;
  }
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  log::info("applied", {{"changes", std::to_string(changes.size())},
                        {"took", std::to_string(milliseconds) + "ms"}});
}

}  // namespace cmd
