#include "cmd/lab_run.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <optional>

#include "cmd/lab_edge.hpp"
#include "cmd/lab_report.hpp"
#include "cmd/lab_topology.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

std::vector<const EdgeStep*> chosen_steps(const std::vector<std::string>& names) {
  std::vector<const EdgeStep*> chosen;
  for (const EdgeStep& step : edge_steps()) {
    if (names.empty() || std::ranges::find(names, step.name) != names.end()) {
      chosen.push_back(&step);
    }
  }
  for (const std::string& name : names) {
    if (std::ranges::find(edge_steps(), name, &EdgeStep::name) == edge_steps().end()) {
      throw core::Error(core::Error::Kind::usage,
                        "there is no step \"" + name + "\"; pona lab run --help lists them");
    }
  }
  return chosen;
}

void replace(std::string& text, std::string_view word, const std::string& by) {
  if (const std::size_t at = text.find(word); at != std::string::npos) {
    text.replace(at, word.size(), by);
  }
}

std::string filled_in(std::string command, const std::filesystem::path& lab) {
  replace(command, "{manifests}", lab / "manifests");
  replace(command, "{socket}", lab / "appliance.sock");
  return command;
}

Milliseconds since(Clock::time_point begin) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - begin);
}

void show(LabHome& home, const std::vector<const EdgeStep*>& steps, Waiting& waiting,
          const LabRun& run, RunReport& report, std::ostream& out) {
  const Paint paint(run.colour);
  set_up_edge_lab(home, waiting, [&](const std::string& what) {
    out << what << '\n' << std::flush;
  });
  out << picture() << '\n';

  EdgeLab lab{home, waiting};
  // What is printed must work later: in the lab that stays, or in the one that `up` makes.
  const std::filesystem::path repeated =
      run.keep ? home.path() : std::filesystem::path(run.base) / "edge";
  for (const EdgeStep* step : steps) {
    StepReport& shown = report.steps.emplace_back();
    shown.name = step->name;
    shown.shows = step->shows;
    for (const std::string& command : step->repeat) {
      shown.repeat.push_back(filled_in(command, repeated));
    }
    out << to_heading(shown, report.steps.size(), paint) << std::flush;
    const auto begin = Clock::now();
    step->run(lab, shown);
    shown.took = since(begin);
    out << to_text(shown, paint) << std::flush;
  }
}

}  // namespace

int run_edge_lab(const LabRun& run) {
  const std::vector<const EdgeStep*> steps = chosen_steps(run.steps);
  std::ostream nowhere(nullptr);
  std::ostream& out = run.json ? nowhere : std::cout;
  const Paint paint(run.colour);
  // A closed pipe must not end us before everything is removed.
  std::signal(SIGPIPE, SIG_IGN);
  Waiting waiting;

  RunReport report;
  report.lab = run.lab.empty() ? "run-" + std::to_string(getpid()) : run.lab;
  const auto begin = Clock::now();
  {
    LabHome home = LabHome::create(run.base, report.lab, run.keep);
    try {
      show(home, steps, waiting, run, report, out);
      if (run.keep) {
        home.keep();
        out << "The lab \"" << home.name() << "\" stays up. Try:\n" << things_to_try(home) << '\n';
      }
    } catch (const core::Error& error) {
      report.error = error.what();
    }
  }
  report.took = since(begin);

  if (run.json) std::cout << to_json(report);
  if (!report.error.empty()) std::cerr << "pona lab: " << report.error << '\n';
  out << to_summary(report, paint);
  if (!report.ok() && waiting.signal() == 0 && !run.keep) {
    out << "To look at it where it went wrong: the same command with --keep, then pona lab status\n"
           "and the logs in its directory.\n";
  }
  if (report.ok() && !run.keep) {
    out << "Everything is removed again. What to try next:\n"
           "  pona lab up          the same, to play with; then the commands after $ above\n"
           "  pona lab down        removes it\n";
  }
  if (waiting.signal() != 0) return 128 + waiting.signal();
  return report.ok() ? 0 : 1;
}

std::string things_to_try(const LabHome& lab) {
  std::string text;
  for (const EdgeStep& step : edge_steps()) {
    for (const std::string& command : step.repeat) {
      text += "  " + filled_in(command, lab.path()) + '\n';
    }
  }
  return text +
         "  pona lab shell client\n"
         "  pona lab exec appliance -- nft list ruleset\n"
         "  pona lab status\n"
         "  pona lab down --lab " +
         lab.name() + '\n';
}

}  // namespace cmd
