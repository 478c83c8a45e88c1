#include "cmd/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "cmd/help_formatter.hpp"
#include "core/nearest.hpp"
#include "core/printable.hpp"

namespace cmd {
namespace {

// The one whose options the last words of the command line were to be.
const CLI::App* innermost(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return app;
}

// A word where a subcommand is wanted. Empty: that is not what is wrong.
std::string unknown_subcommand(const CLI::App* app) {
  const CLI::App* const at = innermost(app);
  const auto known = at->get_subcommands([](const CLI::App*) { return true; });
  if (known.empty() || at->get_require_subcommand_min() == 0) return "";
  for (const std::string& word : app->remaining(true)) {
    if (word.starts_with('-')) continue;
    std::vector<std::string_view> names;
    names.reserve(known.size());
    for (const CLI::App* const command : known) names.push_back(command->get_name());
    return unknown_command(at->get_name(), word, names);
  }
  return "";
}

// Which option may be meant by one that there is not. Empty: none is near.
std::string meant_option(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : innermost(app)->get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (const std::string& word : app->remaining(true)) {
    if (!word.starts_with("--")) continue;
    const auto near = core::nearest(word.substr(0, word.find('=')), known);
    return near ? "Did you mean " + std::string(*near) + "?\n" : "";
  }
  return "";
}

// CLI11's message repeats the words of the command line, whatever is in them.
std::string failure(const CLI::App* app, const CLI::Error& error) {
  if (const std::string unknown = unknown_subcommand(app); !unknown.empty()) {
    return core::printable(unknown) + '\n';
  }
  const std::string said = error.what();
  const std::string text = CLI::FailureMessage::simple(app, error);
  const std::string rest = text.starts_with(said) ? text.substr(said.size()) : std::string("\n");
  const bool extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  return core::printable(said) + '\n' + (extra ? meant_option(app) : "") +
         rest.substr(rest.starts_with('\n') ? 1 : 0);
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

CLI::Option* add_output(CLI::App& app, std::string& format, const std::vector<std::string>& formats,
                        const std::string& json_help) {
  CLI::Option* const output = app.add_option("-o,--output", format, "Form of the output")
                                  ->check(CLI::IsMember(formats))
                                  ->type_name("FORMAT");
  app.add_flag_callback(
         "--json", [&format] { format = "json"; }, json_help)
      ->excludes(output);
  return output;
}

std::string unknown_command(std::string_view command, std::string_view word,
                            std::span<const std::string_view> known) {
  const auto near = core::nearest(word, known);
  return std::string(command) + ": there is no command \"" + std::string(word) +
         (near ? "\"; did you mean \"" + std::string(*near) + "\"?"
               : "\"; \"" + std::string(command) + " --help\" lists them");
}

}  // namespace cmd
