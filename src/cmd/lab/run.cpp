#include "cmd/lab/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>

#include "cmd/lab/hints.hpp"
#include "cmd/lab/report.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

std::vector<const LabStep*> chosen_steps(const LabKind& kind,
                                         const std::vector<std::string>& names) {
  std::vector<const LabStep*> chosen;
  for (const LabStep& step : kind.steps) {
    if (names.empty() || std::ranges::find(names, step.name) != names.end()) {
      chosen.push_back(&step);
    }
  }
  for (const std::string& name : names) {
    if (std::ranges::find(kind.steps, name, &LabStep::name) == kind.steps.end()) {
      throw core::Error(core::Error::Kind::usage, "the lab " + std::string(kind.name) +
                                                      " has no step \"" + name +
                                                      "\"; pona lab run --help lists them");
    }
  }
  return chosen;
}

// Among several labs each must be named.
std::string name_to_give(const LabHome& lab, const std::string& given) {
  const bool one_of_many = LabHome::names(lab.path().parent_path()).size() > 1;
  return given.empty() && one_of_many ? lab.name() : given;
}

// What is printed must work later: in the lab that stays, or in the one that `up` makes.
LabHint hint_for(const LabKind& kind, const LabHome& lab, const LabRun& run) {
  if (run.keep) {
    return {lab.path().string(), lab_options(run.base, name_to_give(lab, run.lab))};
  }
  const std::string name = run.lab.empty() ? std::string(kind.name) : run.lab;
  return {(std::filesystem::path(run.base) / name).string(), lab_options(run.base, run.lab)};
}

Milliseconds since(Clock::time_point begin) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - begin);
}

void show(Lab lab, const LabKind& kind, const std::vector<const LabStep*>& steps, const LabRun& run,
          RunReport& report, std::ostream& out) {
  const Paint paint(run.colour);
  report.notes =
      kind.set_up(lab, [&](const std::string& what) { out << what << '\n'
                                                          << std::flush; });
  for (const std::string& note : report.notes) out << note << '\n';
  out << kind.picture << '\n';

  const LabHint hint = hint_for(kind, lab.home, run);
  for (const LabStep* step : steps) {
    StepReport& shown = report.steps.emplace_back();
    shown.name = step->name;
    shown.shows = step->shows;
    for (const std::string& command : step->repeat) {
      shown.repeat.push_back(told(command, hint));
    }
    out << to_heading(shown, report.steps.size(), paint) << std::flush;
    const auto begin = Clock::now();
    step->run(lab, shown);
    shown.took = since(begin);
    out << to_text(shown, paint) << std::flush;
  }
}

}  // namespace

int run_lab(const LabKind& kind, const LabRun& run) {
  const std::vector<const LabStep*> steps = chosen_steps(kind, run.steps);
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
      show({home, waiting}, kind, steps, run, report, out);
      if (run.keep) {
        home.keep();
        out << "The lab \"" << home.name() << "\" stays up. Try:\n"
            << things_to_try(kind, home, run.lab) << '\n';
      }
    } catch (const core::Error& error) {
      report.error = error.what();
    }
  }
  report.took = since(begin);

  if (run.json) std::cout << to_json(report);
  if (!report.error.empty()) print_line(std::cerr, "pona lab: " + report.error);
  out << to_summary(report, paint);
  if (!report.ok() && waiting.signal() == 0 && !run.keep) {
    out << "To look at it where it went wrong: the same command with --keep, then\n"
        << told("pona lab status", {"", lab_options(run.base, "")})
        << " and the logs in its directory.\n";
  }
  if (report.ok() && !run.keep) {
    const LabHint hint{"", lab_options(run.base, run.lab)};
    const std::string sudo = run.rootless ? "sudo " : "";
    out << "Everything is removed again. What to try next:\n  "
        << sudo + told("pona lab up " + std::string(kind.name), hint)
        << "\n    the same, to play with; then the commands after $ above"
        << (run.rootless ? ", as root" : "") << "\n  " << sudo + told("pona lab down", hint)
        << "\n    removes it\n";
  }
  if (waiting.signal() != 0) return 128 + waiting.signal();
  return report.ok() ? 0 : 1;
}

std::string things_to_try(const LabKind& kind, const LabHome& lab, const std::string& name) {
  const std::string base = lab.path().parent_path().string();
  const LabHint hint{lab.path().string(), lab_options(base, name_to_give(lab, name))};
  std::string text;
  const auto add = [&](const std::string& command) { text += "  " + told(command, hint) + '\n'; };
  for (const LabStep& step : kind.steps) std::ranges::for_each(step.repeat, add);
  std::ranges::for_each(kind.things_to_try, add);
  add("pona lab status");
  text += "  " + told("pona lab down", {"", lab_options(base, lab.name())}) + '\n';
  return text;
}

}  // namespace cmd
