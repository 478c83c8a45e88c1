// The command line of `pona edge`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/edge/options/options.hpp"
#include "cmd/edge/run.hpp"
#include "cmd/edge/source.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

using Flags = std::map<std::string, std::string>;

constexpr int usage = 2;

void add_config(CLI::App& app, Flags& texts) {
  app.add_option("--config", texts["config"],
                 "Configuration file (default /etc/pona/edge.yaml, which may be missing)")
      ->type_name("FILE");
}

// Texts as given; what they mean is edge_options' business. `texts` must outlive the parsing.
void add_options(CLI::App& app, Flags& texts) {
  for (const EdgeOption& option : edge_option_table()) {
    const std::string flag = "--" + std::string(option.name);
    const std::string standard = option.standard.empty() ? "empty" : std::string(option.standard);
    const std::string help = std::string(option.help) + " (default " + standard + ')';
    std::string& text = texts[std::string(option.name)];
    if (option.value.empty()) {
      app.add_flag(flag, text, help)->type_name("true|false");
    } else {
      app.add_option(flag, text, help)->type_name(std::string(option.value));
    }
  }
}

// CLI11 takes "--name=" for a name whose value is the next word; here it is an empty value.
// Backwards, as CLI11 wants it.
std::vector<std::string> words(int argc, char** argv) {
  std::vector<std::string> result;
  for (int i = argc - 1; i > 0; --i) {
    std::string word = argv[i];
    if (word.starts_with("--") && word.ends_with('=')) {
      result.emplace_back();
      word.pop_back();
    }
    result.push_back(std::move(word));
  }
  return result;
}

Flags given(const CLI::App& app, const Flags& texts) {
  Flags flags;
  for (const auto& [name, text] : texts) {
    if (app.count("--" + name) != 0) flags.emplace(name, text);
  }
  return flags;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Forward external addresses and ports to pods.\n\n"
      "Commands:\n"
      "  run      serve (the default)\n"
      "  status   mappings, endpoints, counters, rejected objects; see pona edge status --help\n"
      "  cleanup  remove everything of pona edge from the kernel; see pona edge cleanup --help",
      "pona edge"};
  app.footer(
      "Every option can also be set as PONA_EDGE_NAME in the environment and as \"name: value\" "
      "in\n"
      "the file; the command line counts most, then the environment, then the file.\n\n"
      "Examples:\n"
      "  pona edge --manifests /etc/pona/manifests --external-interfaces 'eth[1-9]'\n"
      "  pona edge --check-config\n"
      "  pona edge --dry-run");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  Flags texts;
  bool check = false;
  bool dry_run = false;
  add_options(app, texts);
  add_config(app, texts);
  app.add_flag("--check-config", check, "Print the effective options and problems; change nothing");
  app.add_flag("--dry-run", dry_run, "Print the changes that would be made; make none")
      ->excludes("--check-config");
  if (const auto left = parse_words(app, words(argc, argv))) return *left;
  const ResolvedOptions options = resolve_options(given(app, texts));
  return check ? check_edge(options) : dry_run ? preview_edge(options) : run_edge(options);
}

// The socket alone: the rest of the configuration may be broken when somebody looks for the reason.
std::string socket_of(const Flags& flags) {
  const auto given = flags.find("socket");
  return given != flags.end() ? given->second : resolve_options(flags).options.socket;
}

void add_socket(CLI::App& app, Flags& texts) {
  app.add_option("--socket", texts["socket"],
                 "Unix socket of the running process (default: as configured)")
      ->type_name("PATH");
  add_config(app, texts);
}

std::optional<std::chrono::milliseconds> parse_interval(const std::string& text) {
  double seconds = 0;
  try {
    std::size_t end = 0;
    seconds = std::stod(text, &end);
    if (end != text.size()) return std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
  if (!std::isfinite(seconds) || seconds < 0.1 || seconds > 86400) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

int status(int argc, char** argv) {
  CLI::App app{
      "Show mappings, endpoints with their shares, counters, and what is rejected and why: from "
      "the "
      "running process, or from the kernel when none runs.",
      "pona edge status"};
  app.footer(
      "A terminal is given what fits its width, and at most 100 lines of each list; a file or pipe "
      "everything.\n\n"
      "Examples:\n  pona edge status --watch=1\n  pona edge status --problems\n"
      "  pona edge status --namespace shop --address 203.0.113.0/24\n"
      "  pona edge status --json | jq .rejections\n\n"
      "Exit status: 0 healthy, 1 no pona edge runs or it is not healthy, 2 usage.");
  Flags texts;
  EdgeShow show;
  std::string interval;
  std::string address;
  add_socket(app, texts);
  add_output(app, show.format, {"wide", "json"});
  app.add_option("-n,--namespace", show.filter.ns, "Only Mappings and Services of this namespace")
      ->type_name("NAMESPACE");
  app.add_option("--address", address, "Only what has this external address, or one of a network")
      ->type_name("ADDRESS");
  app.add_flag("--problems", show.filter.problems,
               "Only what is not fully in effect, and ports without endpoints");
  app.add_option("--watch", interval, "Again every SECONDS (2), until Ctrl-C")
      ->type_name("SECONDS")
      ->expected(0, 1);
  if (const auto left = parse_words(app, words(argc, argv))) return *left;
  if (!address.empty()) {
    show.filter.address = core::Prefix::parse(address);
    if (!show.filter.address) {
      throw core::Error(core::Error::Kind::usage,
                        "--address: \"" + address + "\" is not an IP address or network");
    }
  }
  if (app.count("--watch") != 0) {
    show.watch = parse_interval(interval.empty() ? "2" : interval);
    if (!show.watch) {
      throw core::Error(
          core::Error::Kind::usage,
          "--watch: \"" + interval + "\" is not a number of seconds from 0.1 to 86400");
    }
  }
  show.socket = socket_of(given(app, texts));
  return show_edge(show);
}

int cleanup(int argc, char** argv) {
  CLI::App app{
      "Remove the edge's nftables tables, routes and rules from this network namespace, and "
      "nothing "
      "else. Connections through them end.",
      "pona edge cleanup"};
  Flags texts;
  EdgeCleanup cleanup;
  add_socket(app, texts);
  app.add_option("--state-dir", texts["state-dir"],
                 "Where a cluster's objects are saved (default: as configured)")
      ->type_name("DIR");
  app.add_flag("--saved-objects", cleanup.remove_saved, "Remove the saved objects, too");
  app.add_flag("--dry-run", cleanup.dry_run, "Print what would be removed; remove nothing");
  if (const auto left = parse_words(app, words(argc, argv))) return *left;
  const Flags flags = given(app, texts);
  cleanup.socket = socket_of(flags);
  try {
    cleanup.saved = saved_objects_file(resolve_options(flags).options);
  } catch (const core::Error&) {
    // As with the socket: the kernel can be cleaned nevertheless.
    if (cleanup.remove_saved) throw;
  }
  return clean_edge(cleanup);
}

}  // namespace

int edge(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "status") return status(argc - 1, argv + 1);
  if (word == "cleanup") return cleanup(argc - 1, argv + 1);
  if (word == "run") return run(argc - 1, argv + 1);
  if (!word.empty() && word.front() != '-') {
    constexpr std::array<std::string_view, 3> commands = {"run", "status", "cleanup"};
    print_line(std::cerr, unknown_command("pona edge", word, commands));
    return usage;
  }
  return run(argc, argv);
}

}  // namespace cmd
