#include "cmd/serve/log_changes.hpp"

#include <vector>

#include "core/state/text.hpp"

namespace cmd {
namespace {

constexpr std::size_t elements_per_line = 8;

}  // namespace

void log_lines(const std::vector<std::string>& lines, const std::string& many) {
  if (lines.size() > most_log_lines) {
    log::info(many, {{"number", std::to_string(lines.size())}});
    for (const std::string& line : lines) log::debug(line);
    return;
  }
  for (const std::string& line : lines) log::info(line);
}

void log_details(const core::Changes& changes, std::string_view table) {
  if (!log::enabled(log::Level::debug)) return;
  for (const std::string& line : core::to_text(changes, elements_per_line, table)) {
    log::debug(line);
  }
}

void log_changes(const core::Changes& changes, std::chrono::steady_clock::duration took,
                 std::string_view table) {
  if (!log::enabled(log::Level::info)) return;
  log_details(changes, table);
  // Elements are bytes to a reader: of those of one set there is only the number.
  const std::vector<std::string> lines = core::to_text(changes, 0, table);
  if (lines.size() <= most_log_lines) {
    for (const std::string& line : lines) log::info(line);
    return;
  }
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  log::info("applied", {{"changes", std::to_string(changes.size())},
                        {"took", std::to_string(milliseconds) + "ms"}});
}

}  // namespace cmd
