#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cmd/applets.hpp"
#include "cmd/command_line.hpp"
#include "cmd/lab/edge/lab.hpp"
#include "cmd/lab/edge/network.hpp"
#include "cmd/lab/home.hpp"
#include "cmd/lab/kind.hpp"
#include "cmd/lab/report.hpp"
#include "cmd/lab/run.hpp"
#include "cmd/lab/servers.hpp"
#include "cmd/lab/traffic.hpp"
#include "cmd/lab/user_namespace.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

struct Options {
  std::string base = LabHome::default_base();
  std::string lab;
  std::string kind = "edge";
  std::vector<std::string> steps;
  std::string format;
  bool no_color = false;
  bool keep = false;
  bool all = false;
  std::string where;
  std::vector<std::string> command;
  std::string url;
  std::string from;
  std::string source;
  std::string text = "hello";
  int count = 1;
  int timeout_ms = 1000;
  Servers servers;
};

const LabKind& kind_of(const Options& options) {
  return **std::ranges::find(lab_kinds(), options.kind, &LabKind::name);
}

int run(Options options) {
  // A lab that stays outlives the process, and so its namespaces.
  const bool rootless = geteuid() != 0 && !options.keep;
  if (rootless) {
    const bool usual = options.base == LabHome::default_base();
    enter_user_namespace();
    if (usual) options.base = LabHome::default_base();
  }
  return run_lab(kind_of(options),
                 {options.base, options.lab, options.steps, options.keep, options.format == "json",
                  !options.no_color && colour_wanted(), rootless});
}

int up(const Options& options) {
  const LabKind& kind = kind_of(options);
  Waiting waiting;
  LabHome lab = LabHome::create(options.base, options.lab.empty() ? options.kind : options.lab,
                                /*lasting=*/true);
  Lab parts{lab, waiting};
  const auto tell = [](const std::string& what) {
    print_line(std::cout, what);
    std::cout << std::flush;
  };
  const std::vector<std::string> notes = kind.set_up(parts, tell);
  lab.keep();
  std::ranges::for_each(notes, tell);
  print_lines(std::cout, std::string(kind.picture) + "\nThe lab \"" + lab.name() +
                             "\" is up; its manifests are in " + lab.manifests().string() +
                             ". Try:\n" + things_to_try(kind, lab, options.lab));
  return 0;
}

// Replaces this process by a command inside a namespace of the lab.
int exec(const Options& options, std::vector<std::string> command) {
  const LabHome lab = LabHome::open(options.base, options.lab);
  if (setns(lab.at(options.where).fd(), CLONE_NEWNET) != 0) {
    throw core::Error(core::Error::Kind::permanent, "cannot enter " + options.where + ": " +
                                                        std::strerror(errno) + " (are you root?)");
  }
  // The same pona inside, wherever it was called from.
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const char* path = std::getenv("PATH");
  const std::string found = self.parent_path().string() + ':' +
                            (path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
  setenv("PATH", found.c_str(), 1);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  throw core::Error(core::Error::Kind::permanent,
                    "cannot run " + command[0] + ": " + std::strerror(errno));
}

int shell(const Options& options) {
  const char* shell = std::getenv("SHELL");
  print_line(std::cout, "You are in " + options.where + "; exit ends it.");
  std::cout << std::flush;
  return exec(options, {shell != nullptr && *shell != '\0' ? shell : "/bin/sh"});
}

// The only client, or the first of several.
std::string first_client(const LabHome& lab) {
  const std::vector<std::string> all = lab.namespaces();
  return std::ranges::find(all, "client") != all.end() ? "client" : "client1";
}

int get(const Options& options) {
  const auto url = parse_url(options.url);
  if (!url) {
    throw core::Error(core::Error::Kind::usage, "\"" + options.url +
                                                    "\" is not http://ADDRESS[:PORT][/PATH], " +
                                                    "tcp://ADDRESS:PORT or udp://ADDRESS:PORT");
  }
  std::optional<core::Address> source;
  if (!options.source.empty()) {
    source = core::Address::parse(options.source);
    if (!source) {
      throw core::Error(core::Error::Kind::usage, "\"" + options.source + "\" is not an address");
    }
  }
  Waiting waiting;
  const LabHome lab = LabHome::open(options.base, options.lab);
  const std::string host = options.from.empty() ? first_client(lab) : options.from;
  const Origin origin{lab.at(host), waiting, source, Milliseconds(options.timeout_ms)};
  int failed = 0;
  for (int i = 0; i < options.count; ++i) {
    const Answer answer = fetch(origin, *url, options.text);
    if (!answer.text.empty()) print_lines(std::cout, answer.text + '\n');
    std::cout << std::flush;
    if (!answer.ok()) {
      print_line(std::cerr, to_string(url->peer) + ": " + answer.error);
      failed = 1;
    }
  }
  return failed;
}

int takeover(const Options& options) {
  LabHome lab = LabHome::open(options.base, options.lab);
  const Pair pair = appliances(lab);
  drop_addresses(lab, pair.active);
  take_addresses(lab, pair.other);
  print_line(std::cout, pair.other + " holds the addresses now, " + pair.active +
                            " does not; once more takes them back");
  return 0;
}

int status(const Options& options) {
  if (options.format == "name") {
    for (const std::string& name : LabHome::names(options.base)) print_line(std::cout, name);
    return 0;
  }
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const std::string& name : LabHome::names(options.base)) {
    if (!options.lab.empty() && options.lab != name) continue;
    const LabHome lab = LabHome::open(options.base, name);
    nlohmann::ordered_json entry = {{"name", name},
                                    {"directory", lab.path().string()},
                                    {"inUse", lab.owned_by_other()},
                                    {"namespaces", lab.namespaces()},
                                    {"processes", nlohmann::ordered_json::object()}};
    for (const std::string& process : lab.processes()) {
      entry["processes"][process] = lab.running(process) ? "running" : "ended";
    }
    json.push_back(entry);
  }
  if (options.format == "json") {
    std::cout << kube::dump_json(json, 2) << '\n';
    return 0;
  }
  if (json.empty()) std::cout << "no lab is up\n";
  for (const auto& entry : json) {
    print_line(std::cout, entry["name"].get<std::string>() + ": " +
                              entry["directory"].get<std::string>() +
                              (entry["inUse"].get<bool>() ? ", in use by pona lab run" : ""));
    for (const auto& name : entry["namespaces"]) {
      const auto process = entry["processes"].find(name.get<std::string>());
      print_line(
          std::cout,
          "  " + name.get<std::string>() +
              (process == entry["processes"].end() ? "" : ": " + process->get<std::string>()));
    }
  }
  return 0;
}

int down(const Options& options) {
  std::vector<std::string> names = LabHome::names(options.base);
  if (!options.all) {
    if (options.lab.empty() && names.empty()) {
      std::cout << "no lab is up\n";
      return 0;
    }
    names = {LabHome::open(options.base, options.lab).name()};
  }
  int failed = 0;
  for (const std::string& name : names) {
    LabHome lab = LabHome::open(options.base, name);
    if (options.all && lab.owned_by_other()) {
      print_line(std::cerr, "the lab \"" + name + "\" is in use by pona lab run: left alone");
      failed = 1;
      continue;
    }
    lab.remove();
    print_line(std::cout, "the lab \"" + name + "\" is removed");
  }
  return failed;
}

void add_common(CLI::App& app, Options& options) {
  app.add_option("--lab", options.lab, "Which lab, where there are several");
  app.add_option("--dir", options.base, "Directory of the labs")->capture_default_str();
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const LabKind* kind : lab_kinds()) names.emplace_back(kind->name);
  return names;
}

std::string step_names() {
  std::string names;
  for (const LabKind* kind : lab_kinds()) {
    names += "\n" + std::string(kind->name) + ':';
    for (const LabStep& step : kind->steps) names += ' ' + std::string(step.name);
  }
  return names;
}

}  // namespace

int lab(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Shows what pona does, with real traffic, in network namespaces of its own.\n\n"
      "Examples:\n"
      "  pona lab run edge                 builds everything, shows it step by step, removes it\n"
      "  pona lab run egress               the way out of a cluster, likewise\n"
      "  pona lab up edge                  builds it and leaves it for playing\n"
      "  pona lab get http://203.0.113.10/ a request from the lab's client\n"
      "  pona lab shell appliance\n"
      "  pona lab down\n",
      "pona lab"};
  app.require_subcommand(1);
  app.footer(
      "It makes network namespaces, for which it needs root; run works without, in a user "
      "namespace "
      "of its own,\nwhere the system allows these. Nothing outside them is changed.");

  CLI::App* run_app = app.add_subcommand("run", "Build the lab, show each step, remove it");
  run_app->add_option("KIND", options.kind, "Which lab")
      ->capture_default_str()
      ->check(CLI::IsMember(kind_names()));
  run_app->add_option("--steps", options.steps, "Only these steps. Of the lab" + step_names())
      ->delimiter(',');
  run_app->add_flag("--keep", options.keep, "Leave the lab up at the end");
  add_output(*run_app, options.format, {"json"},
             "Print one JSON object at the end and nothing else");
  run_app->add_flag("--no-color", options.no_color, "No colours, not even on a terminal");

  CLI::App* up_app = app.add_subcommand("up", "Build the lab and leave it up");
  up_app->add_option("KIND", options.kind, "Which lab")
      ->capture_default_str()
      ->check(CLI::IsMember(kind_names()));

  CLI::App* exec_app = app.add_subcommand("exec", "Run a command inside: exec NAME -- COMMAND…");
  exec_app
      ->add_option("NAME", options.where, "client, appliance, pod1, … (pona lab status lists them)")
      ->required();
  exec_app->add_option("COMMAND", options.command, "The command and its arguments")->required();

  CLI::App* shell_app = app.add_subcommand("shell", "Open $SHELL inside");
  shell_app
      ->add_option("NAME", options.where, "client, appliance, pod1, … (pona lab status lists them)")
      ->required();

  CLI::App* get_app =
      app.add_subcommand("get", "Ask a server from the lab's client: HTTP, or TCP and UDP echo");
  get_app
      ->add_option("URL", options.url,
                   "http://ADDRESS[:PORT][/PATH], tcp://ADDRESS:PORT or udp://ADDRESS:PORT")
      ->required();
  get_app->add_option("-n,--count", options.count, "How many times, each a new connection")
      ->check(CLI::PositiveNumber);
  get_app->add_option("--from", options.from, "Where to ask from (default: the first client)");
  get_app->add_option("--source", options.source, "One of the client's addresses");
  get_app->add_option("--text", options.text, "What to send to an echo server")
      ->capture_default_str();
  get_app->add_option("--timeout", options.timeout_ms, "Milliseconds to wait")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  CLI::App* takeover_app =
      app.add_subcommand("takeover", "Edge: move the addresses to the other appliance");

  CLI::App* status_app = app.add_subcommand("status", "Which labs are up and what runs in them");
  add_output(*status_app, options.format, {"name", "json"});

  CLI::App* down_app = app.add_subcommand("down", "Remove a lab, also what a killed run left");
  down_app->add_flag("--all", options.all, "Every lab that is not in use");

  CLI::App* serve_app = app.add_subcommand("serve", "The servers of one pod, until a signal");
  serve_app->add_option("--name", options.servers.name, "Who answers")->required();
  serve_app->add_option("--http", options.servers.http, "Port of the HTTP server")->required();
  serve_app->add_option("--echo", options.servers.echo, "Port of the TCP and UDP echo servers")
      ->required();

  for (CLI::App* each :
       {run_app, up_app, exec_app, shell_app, get_app, takeover_app, status_app, down_app}) {
    add_common(*each, options);
  }
  if (const auto done = parse_words(app, argc, argv)) return *done;

  if (*run_app) return run(options);
  if (*up_app) return up(options);
  if (*exec_app) return exec(options, options.command);
  if (*shell_app) return shell(options);
  if (*get_app) return get(options);
  if (*takeover_app) return takeover(options);
  if (*status_app) return status(options);
  if (*down_app) return down(options);
  serve(options.servers);
  return 1;
}

}  // namespace cmd
