#include "cmd/diag/watch/watch.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <iostream>
#include <utility>

#include "cmd/command_line.hpp"
#include "cmd/diag/places.hpp"
#include "cmd/diag/watch/loop.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/privilege.hpp"
#include "os/signals.hpp"

namespace cmd {
namespace {

constexpr double screen_interval = 2;
constexpr double line_interval = 10;
constexpr int without_privilege = 5;

core::ObjectName named_object(const std::string& option, const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == text.size() ||
      text.find('/', slash + 1) != std::string::npos) {
    throw core::Error(core::Error::Kind::usage,
                      option + ": \"" + text + "\" is not NAMESPACE/NAME");
  }
  return {text.substr(0, slash), text.substr(slash + 1)};
}

core::watch::Filter filter_of(const WatchOptions& options) {
  core::watch::Filter filter;
  filter.port = options.port;
  if (!options.address.empty()) {
    filter.address = core::Prefix::parse(options.address);
    if (!filter.address) {
      throw core::Error(core::Error::Kind::usage, "--address: \"" + options.address +
                                                      "\" is no address or network, as "
                                                      "203.0.113.5 or 10.0.0.0/8");
    }
  }
  if (!options.mapping.empty()) {
    const std::string name = to_string(named_object("--mapping", options.mapping));
    filter.objects = {"Mapping " + name, "Service " + name};
  }
  if (!options.egress.empty()) {
    filter.objects = {"Egress " + to_string(named_object("--egress", options.egress))};
  }
  return filter;
}

std::vector<WatchPlace> places_of(const WatchOptions& options, core::watch::Filter& filter) {
  std::vector<WatchPlace> places;
  for (const std::string& netns : options.netns) {
    places.push_back({netns, netns, Places::open(netns)});
  }
  if (places.empty()) places.push_back({"this host", "", Places::open("")});
  if (options.pod.empty()) return places;
  const Places known(options.sandboxes);
  const Sandbox& sandbox = known.pod(named_object("--pod", options.pod));
  filter.pod = sandbox.addresses;
  places.push_back({"pod " + options.pod, sandbox.netns, Places::open(sandbox.netns)});
  return places;
}

int run_watch(const WatchOptions& options) {
  core::watch::Filter filter = filter_of(options);
  const std::vector<WatchPlace> places = places_of(options, filter);
  const bool on_screen = options.format == "text" && isatty(STDOUT_FILENO) == 1;
  const os::Fd signals =
      on_screen ? os::catch_signals({SIGQUIT, SIGWINCH, SIGTSTP}) : os::catch_signals({SIGQUIT});
  WatchObjects objects(options);
  WatchBounds bounds;
  bounds.interval = std::chrono::duration<double>(
      options.interval.value_or(on_screen ? screen_interval : line_interval));
  bounds.count = options.count;
  bounds.duration = std::chrono::duration<double>(options.duration);
  objects.look(std::chrono::steady_clock::now(), false);
  std::vector<std::string> notes;
  if (!filter.objects.empty() && std::ranges::none_of(filter.objects, [&](const std::string& one) {
        return objects.owners().knows(one);
      })) {
    notes.push_back(filter.objects.front() +
                    " is not known here now: nothing is shown until an edge or agent of this host "
                    "has it");
  }
  const auto output = on_screen                  ? watch_screen()
                      : options.format == "json" ? watch_json()
                                                 : watch_lines();
  return WatchLoop(places, filter, objects, *output, bounds).run(signals, std::move(notes));
}

}  // namespace

CLI::App* add_watch(CLI::App& app, WatchOptions& options) {
  CLI::App* const command = app.add_subcommand(
      "watch", "Show connections as they come, with their translations, drops and rates");
  command->footer(
      "On a terminal it is a screen that is drawn again every --interval, until Ctrl-C;\n"
      "else lines. It needs root, and changes nothing.\n\n"
      "Exit status: 0 ended as asked, 1 something broke, 2 usage, 3 fewer than --count\n"
      "came, 5 privileges are missing.\n\n"
      "Examples:\n"
      "  pona diag watch\n"
      "  pona diag watch --mapping shop/web\n"
      "  pona diag watch --pod shop/web-1 --port 443\n"
      "  pona diag watch --json --address 203.0.113.5 --count 10 --duration 30");
  command
      ->add_option("--from-netns", options.netns,
                   "Network namespace to watch (default: this one); may be repeated")
      ->allow_extra_args(false)
      ->type_name("PATH");
  command
      ->add_option("--address", options.address,
                   "Only with this address or network, on either side, translated or not")
      ->type_name("ADDRESS");
  command->add_option("--port", options.port, "Only with this port, likewise")
      ->check(CLI::Range(1, 65535))
      ->type_name("PORT");
  CLI::Option* const mapping =
      command
          ->add_option("--mapping", options.mapping,
                       "Only those of this Mapping, or of a Service that is mapped")
          ->type_name("NS/NAME");
  command->add_option("--egress", options.egress, "Only those of this Egress")
      ->excludes(mapping)
      ->type_name("NS/NAME");
  command
      ->add_option("--pod", options.pod,
                   "Only those of this pod of this node, here and in its network namespace")
      ->type_name("NS/NAME");
  command
      ->add_option("--interval", options.interval,
                   "How often rates are shown (default: 2, as lines 10)")
      ->check(CLI::Range(0.1, 86400.0))
      ->type_name("SECONDS");
  command->add_option("--count", options.count, "End after so many connections and drops")
      ->check(CLI::Range(1, 1'000'000'000))
      ->type_name("NUMBER");
  command->add_option("--duration", options.duration, "End after this time")
      ->check(CLI::Range(0.1, 31'536'000.0))
      ->type_name("SECONDS");
  add_daemon_places(*command, options);
  add_output(*command, options.format, {"text", "lines", "json"}, "Print JSON, an object a line");
  return command;
}

int watch(const WatchOptions& options) {
  try {
    return run_watch(options);
  } catch (const core::NoPrivilege& error) {
    print_line(std::cerr, "pona diag: nothing was watched: " + std::string(error.what()));
    return without_privilege;
  }
}

}  // namespace cmd
