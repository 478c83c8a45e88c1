#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <string>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/completions.hpp"
#include "cmd/print.hpp"
#include "kube/api/kubeconfig.hpp"

namespace cmd {

int completion(int argc, char** argv) {
  const std::map<std::string, std::string_view> scripts = {
      {"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}};

  CLI::App app{
      "Print a completion script, or, as those scripts ask for them, the contexts of the "
      "kubeconfig."
      "\n\n"
      "Examples:\n"
      "  eval \"$(pona completion bash)\"\n"
      "  pona completion zsh > \"${fpath[1]}/_pona\"\n"
      "  pona completion fish > ~/.config/fish/completions/pona.fish\n",
      "pona completion"};
  std::string wanted, kubeconfig;
  app.add_option("SHELL", wanted, "bash, zsh or fish; contexts: their names, a line each")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "contexts"}));
  app.add_option("--kubeconfig", kubeconfig, "Whose contexts (default: as kubectl finds it)")
      ->type_name("FILE");
  if (const auto done = parse_words(app, argc, argv)) return *done;
  if (wanted == "contexts") {
    for (const std::string& name : kube::context_names(kubeconfig, kube::process_environment())) {
      print_line(std::cout, name);
    }
    return 0;
  }
  std::cout << scripts.at(wanted);
  return 0;
}

}  // namespace cmd
