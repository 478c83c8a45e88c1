#include "cmd/diag/check/check.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <functional>
#include <iostream>
#include <utility>

#include "cmd/command_line.hpp"
#include "cmd/diag/check/check_json.hpp"
#include "cmd/diag/check/survey.hpp"
#include "cmd/diag/progress.hpp"
#include "cmd/print.hpp"
#include "core/check/codes.hpp"
#include "core/check/report.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

using core::check::Group;
using core::check::Results;
using core::check::Role;
using core::check::State;

constexpr std::size_t page_width = 80;

struct GroupOfChecks {
  Group group;
  bool (*asked)(Role role);
  std::function<Results(Survey&)> look;
};

bool on_host(Role role) { return role != Role::cluster; }
bool of_egress(Role role) { return role == Role::node || role == Role::nat || role == Role::pod; }
bool of_daemons(Role role) { return role != Role::nat && role != Role::pod; }
bool on_daemon_hosts(Role role) { return of_daemons(role) && role != Role::cluster; }

Results look_at_daemons(Survey& survey) {
  Results results = judge_edge(gather_edge(survey));
  for (core::check::Result& result : judge_agent(gather_agent(survey))) {
    results.push_back(std::move(result));
  }
  return results;
}

const std::vector<GroupOfChecks>& groups() {
  using S = Survey;
  static const std::vector<GroupOfChecks> all = {
      {Group::kernel, on_host, [](S& s) { return judge_kernel(gather_kernel(s)); }},
      {Group::sysctl, on_host, [](S& s) { return judge_sysctls(gather_sysctls(s)); }},
      {Group::rules, on_host, [](S& s) { return judge_rules(gather_rules(s)); }},
      {Group::mtu, on_host, [](S& s) { return judge_mtu(gather_mtu(s)); }},
      {Group::tunnels, of_egress, [](S& s) { return judge_tunnels(gather_tunnels(s)); }},
      {Group::conntrack, on_host, [](S& s) { return judge_conntrack(gather_conntrack(s)); }},
      {Group::ports, on_host, [](S& s) { return judge_ports(gather_ports(s)); }},
      {Group::addresses, on_host, [](S& s) { return judge_addresses(gather_addresses(s)); }},
      // Both are asked in one go.
      {Group::permissions, of_daemons, [](S& s) { return judge_cluster(gather_cluster(s)); }},
      {Group::clock, of_daemons, [](S&) { return Results(); }},
      {Group::files, of_daemons, [](S& s) { return judge_files(gather_files(s)); }},
      {Group::sockets, on_daemon_hosts, look_at_daemons},
      {Group::leftovers, on_host, look_for_leftovers},
  };
  return all;
}

std::size_t columns() {
  winsize size{};
  const bool known = isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
                     size.ws_col > 40;
  return known ? size.ws_col : 100;
}

const char* colour_of(State state) {
  switch (state) {
    case State::ok:
      return "\033[32m";
    case State::unknown:
    case State::warn:
      return "\033[33m";
    case State::error:
      return "\033[31m";
    case State::skipped:
      return "\033[2m";
  }
  return "";
}

void print_report(const core::check::Report& report, const CheckOptions& options) {
  const bool colour = colour_wanted();
  print_line(std::cout,
             "pona diag check " + std::string(to_string(report.role)) + ": " + report.subject);
  print_line(std::cout, "");
  for (const auto& line : to_lines(report, {options.all, columns()})) {
    if (!line.word.empty()) {
      if (colour) std::cout << colour_of(line.state);
      print_lines(std::cout, line.word);
      if (colour) std::cout << "\033[0m";
    }
    print_line(std::cout, line.text);
  }
}

int explain_check(const std::string& text) {
  if (text == "all") {
    for (const core::check::Code& code : core::check::codes()) {
      for (const std::string& line : explain(code, page_width)) print_line(std::cout, line);
      print_line(std::cout, "");
    }
    return 0;
  }
  const core::check::Code* const code = core::check::find_code(text);
  if (code == nullptr) {
    throw core::Error(
        core::Error::Kind::usage,
        "there is no code \"" + text + "\": they are as PONA-C201, and --explain all lists them");
  }
  for (const std::string& line : explain(*code, page_width)) print_line(std::cout, line);
  return 0;
}

}  // namespace

CLI::App* add_check(CLI::App& app, CheckOptions& options) {
  CLI::App* const check_app =
      app.add_subcommand("check", "Look for what keeps pona from its work on this host");
  check_app->footer(
      "What to look at: pre (before anything runs here), edge, node (with an agent),\n"
      "nat (in a NAT pod), cluster (the API server alone), pod NAMESPACE/NAME (a pod\n"
      "of this node). Without a word: edge where one runs, node where an agent runs,\n"
      "else pre. Nothing is changed; to see what the kernel can do, things are tried\n"
      "in a network namespace that is made for it and goes with it, and whether\n"
      "others have addresses of this host is asked on its links (edge, pre).\n\n"
      "Exit status: 0 all well, warnings allowed, 1 something is wrong, 2 usage,\n"
      "5 nothing is wrong, but not all of it could be read without more rights.\n\n"
      "Examples:\n"
      "  pona diag check\n"
      "  pona diag check edge --all\n"
      "  pona diag check pod shop/web-1\n"
      "  pona diag check --fix-script > fixes.sh\n"
      "  pona diag check --explain PONA-C301");
  check_app->add_option("what", options.words, "What to look at, see below")->type_name("");
  check_app->add_flag("--all", options.all, "Show each check, not only what is wrong");
  check_app->add_flag("--fix-script", options.fix_script,
                      "Print a shell script of the fixes; it is not run");
  check_app
      ->add_option("--fail-on", options.fail_on,
                   "From what on the exit status is 1 (default error)")
      ->check(CLI::IsMember({"warn", "error"}))
      ->type_name("warn|error");
  check_app
      ->add_option("--explain", options.explain,
                   "Say what a code means (all: each), and check nothing")
      ->type_name("CODE");
  check_app->add_option("--kubeconfig", options.kubeconfig, "How to reach the API server")
      ->type_name("FILE");
  check_app->add_option("--context", options.context, "Of the kubeconfig")->type_name("NAME");
  check_app->add_option("--manifests", options.manifests, "The edge's directory of manifests")
      ->type_name("DIRECTORY");
  check_app->add_option("--state-dir", options.state, "Where the edge saves its state")
      ->type_name("DIRECTORY");
  add_daemon_places(*check_app, options);
  add_output(*check_app, options.format, {"text", "json"});
  return check_app;
}

core::check::Report check_report(const CheckOptions& options,
                                 const std::function<void(std::string_view)>& progress) {
  Survey survey(options);
  core::check::Report report;
  report.role = survey.role;
  report.subject = survey.subject;
  report.words = std::string(to_string(survey.role));
  if (survey.pod) report.words += " " + core::check::quoted(to_string(*survey.pod));
  for (const GroupOfChecks& one : groups()) {
    if (!one.asked(survey.role)) continue;
    progress(to_string(one.group));
    report.groups.push_back(one.group);
    Results results = one.look(survey);
    for (core::check::Result& result : results) report.results.push_back(std::move(result));
  }
  return report;
}

int check(const CheckOptions& options) {
  if (!options.explain.empty()) return explain_check(options.explain);
  Progress progress;
  const core::check::Report report =
      check_report(options, [&](std::string_view group) { progress.say(group); });
  progress.clear();
  if (options.format == "json") {
    print_lines(std::cout, check_json(report));
  } else if (options.fix_script) {
    for (const std::string& line : fix_script(report)) print_line(std::cout, line);
  } else {
    print_report(report, options);
  }
  return exit_status(report.results, options.fail_on == "warn" ? State::warn : State::error);
}

}  // namespace cmd
