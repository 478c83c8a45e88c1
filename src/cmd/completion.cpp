#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <string>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/completions.hpp"

namespace cmd {

int completion(int argc, char** argv) {
  const std::map<std::string, std::string_view> scripts = {
      {"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}};

  CLI::App app{
      "Print a completion script.\n\n"
      "Examples:\n"
      "  eval \"$(pona completion bash)\"\n"
      "  pona completion zsh > \"${fpath[1]}/_pona\"\n"
      "  pona completion fish > ~/.config/fish/completions/pona.fish\n",
      "pona completion"};
  std::string shell;
  app.add_option("SHELL", shell, "bash, zsh or fish")->required()->check(CLI::IsMember(&scripts));
  if (const auto done = parse_words(app, argc, argv)) return *done;
  std::cout << scripts.at(shell);
  return 0;
}

}  // namespace cmd
