// What all applets do alike with their command line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace cmd {

// The exit status, where nothing is left to do: help was printed, or what is wrong (usage).
std::optional<int> parse_words(CLI::App& app, int argc, const char* const* argv);
// The same of words without the command's, the last one first.
std::optional<int> parse_words(CLI::App& app, std::vector<std::string> words);

// -o and --output, which take one of `formats`, and --json for the one of them that is "json".
// `format` must outlive the parsing, and is left as it is where none is given.
CLI::Option* add_output(CLI::App& app, std::string& format, const std::vector<std::string>& formats,
                        const std::string& json_help = "Print JSON");

// That `command` ("pona lab") has no such subcommand, and which one may be meant.
std::string unknown_command(std::string_view command, std::string_view word,
                            std::span<const std::string_view> known);

}  // namespace cmd
