#include "cmd/command_line.hpp"

#include <CLI/CLI.hpp>
#include <utility>

#include "cmd/help_formatter.hpp"
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

void set_formatter(CLI::App& app, const std::shared_ptr<CLI::FormatterBase>& formatter) {
  app.formatter(formatter);
  for (CLI::App* const command : app.get_subcommands({})) set_formatter(*command, formatter);
}

// The exit status is ours, not CLI11's.
template <typename... Words>
std::optional<int> parse(CLI::App& app, Words&&... words) {
  constexpr int usage = 2;
  app.failure_message(failure);
  set_formatter(app, help_formatter());
  try {
    app.parse(std::forward<Words>(words)...);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> parse_words(CLI::App& app, int argc, const char* const* argv) {
  return parse(app, argc, argv);
}

std::optional<int> parse_words(CLI::App& app, std::vector<std::string> words) {
  return parse(app, std::move(words));
}

}  // namespace cmd
