#include "cmd/command_line.hpp"

#include <CLI/CLI.hpp>

namespace cmd {

// The exit status is ours, not CLI11's.
std::optional<int> parse_words(CLI::App& app, int argc, const char* const* argv) {
  constexpr int usage = 2;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage;
  }
  return std::nullopt;
}

}  // namespace cmd
