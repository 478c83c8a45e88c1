// What all applets do alike with their command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace cmd {

// The exit status, where nothing is left to do: help was printed, or what is wrong (usage).
std::optional<int> parse_words(CLI::App& app, int argc, const char* const* argv);
// The same of words without the command's, the last one first.
std::optional<int> parse_words(CLI::App& app, std::vector<std::string> words);

}  // namespace cmd
