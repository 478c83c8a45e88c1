#include "cmd/command_line.hpp"

#include <CLI/CLI.hpp>

#include "core/printable.hpp"

namespace cmd {
namespace {

// CLI11's message repeats the words of the command line, whatever is in them.
std::string failure(const CLI::App* app, const CLI::Error& error) {
  const std::string said = error.what();
  const std::string text = CLI::FailureMessage::simple(app, error);
  return core::printable(said) +
         (text.starts_with(said) ? text.substr(said.size()) : std::string("\n"));
}

}  // namespace

// The exit status is ours, not CLI11's.
std::optional<int> parse_words(CLI::App& app, int argc, const char* const* argv) {
  constexpr int usage = 2;
  app.failure_message(failure);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage;
  }
  return std::nullopt;
}

}  // namespace cmd
