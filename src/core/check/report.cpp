#include "core/check/report.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/printable.hpp"

namespace core::check {
namespace {

constexpr std::size_t word_width = 8;
constexpr std::size_t group_width = 13;
constexpr std::size_t label_width = 6;

std::string padded(std::string_view text, std::size_t width) {
  std::string result(text);
  if (result.size() < width) result.append(width - result.size(), ' ');
  return result;
}

std::string word_of(State state) {
  switch (state) {
    case State::error:
      return "ERROR";
    case State::warn:
      return "WARN";
    case State::unknown:
      return "?";
    case State::skipped:
      return "-";
    case State::ok:
      return "ok";
  }
  return "";
}

std::string counted(std::size_t number, std::string_view one) {
  return std::to_string(number) + " " + std::string(one) + (number == 1 ? "" : "s");
}

class Lines {
 public:
  Lines(const Report& report, const ReportOptions& options) : report_(report), options_(options) {}

  std::vector<ReportLine> run() {
    for (const Group group : report_.groups) of_group(group);
    summary();
    return std::move(lines_);
  }

 private:
  void of_group(Group group) {
    std::vector<const Result*> found;
    std::size_t good = 0, unknowns = 0, asked = 0;
    State worst = State::skipped;
    for (const Result& result : report_.results) {
      if (code_of(result.code).group != group) continue;
      found.push_back(&result);
      if (result.state == State::skipped) continue;
      ++asked;
      if (result.state == State::ok) ++good;
      if (result.state == State::unknown) ++unknowns;
      // What is not known hides nothing that is wrong, and is not good either.
      if (worst == State::skipped || result.state > worst) worst = result.state;
    }
    std::string text = padded(to_string(group), group_width);
    if (asked == 0) {
      text += "nothing to check here";
    } else if (good == asked) {
      text += counted(asked, "check");
    } else if (unknowns == asked) {
      text += counted(asked, "check") + " not known";
    } else {
      text += std::to_string(good) + " of " + counted(asked, "check") + " fine";
      if (unknowns != 0) text += ", " + std::to_string(unknowns) + " not known";
    }
    lines_.push_back({worst, padded(word_of(worst), word_width), text});
    // The worst first.
    std::ranges::stable_sort(found,
                             [](const Result* a, const Result* b) { return a->state > b->state; });
    // What is not known for one reason is said once.
    std::map<std::string, std::string> unknown_for;
    for (const Result* const result : found) {
      if (result->state != State::unknown) continue;
      std::string& codes = unknown_for[result->what];
      codes += (codes.empty() ? "" : ", ") + code_text(result->code);
    }
    for (const auto& [why, codes] : unknown_for) {
      const std::string head = codes + "  ";
      broken(why, word_width + head.size(), State::unknown, padded("  ?", word_width), head);
    }
    for (const Result* const result : found) {
      if (result->state == State::unknown) continue;
      if (options_.all || result->state == State::warn || result->state == State::error) {
        of_result(*result);
      }
    }
  }

  void of_result(const Result& result) {
    const std::string code = code_text(result.code) + "  ";
    broken(result.what, word_width + code.size(), result.state,
           padded("  " + word_of(result.state), word_width), code);
    const std::size_t indent = word_width + code.size();
    for (const std::string& evidence : result.evidence) {
      broken(evidence, indent + label_width, State::ok, "",
             std::string(indent, ' ') + padded("seen", label_width));
    }
    if (result.state != State::warn && result.state != State::error) return;
    for (const Fix& fix : result.fixes) {
      const std::string label = std::string(indent, ' ') + padded("fix", label_width);
      if (!fix.command.empty()) {
        // As it is to be typed.
        lines_.push_back({State::ok, "", label + fix.command});
        if (!fix.comment.empty()) {
          broken("# " + fix.comment, indent + label_width + 2, State::ok, "",
                 std::string(indent + label_width, ' '));
        }
      } else {
        broken(fix.comment, indent + label_width, State::ok, "", label);
      }
    }
  }

  // The text behind its head, on as many lines as it takes, each of the others behind blanks.
  void broken(const std::string& text, std::size_t indent, State state, std::string word,
              std::string head) {
    std::string line = std::move(head);
    bool empty = true;
    const std::string clean = printable(text);
    for (std::size_t begin = 0; begin <= clean.size();) {
      const std::size_t end = std::min(clean.find(' ', begin), clean.size());
      const std::string part = clean.substr(begin, end - begin);
      const std::size_t width = word.size() + line.size() + 1 + part.size();
      if (!empty && width > options_.width) {
        lines_.push_back(
            {state, std::exchange(word, ""), std::exchange(line, std::string(indent, ' '))});
        empty = true;
      }
      line += (empty ? "" : " ") + part;
      empty = false;
      begin = end + 1;
    }
    lines_.push_back({state, word, line});
  }

  void summary() {
    std::size_t errors = 0, warnings = 0, unknowns = 0, good = 0;
    bool privileges = false;
    const Result* first = nullptr;
    for (const Result& result : report_.results) {
      errors += result.state == State::error ? 1 : 0;
      warnings += result.state == State::warn ? 1 : 0;
      unknowns += result.state == State::unknown ? 1 : 0;
      good += result.state == State::ok ? 1 : 0;
      privileges = privileges || (result.state == State::unknown && result.privileges);
      if (first == nullptr && (result.state == State::error || result.state == State::warn)) {
        first = &result;
      }
    }
    lines_.push_back({State::ok, "", ""});
    std::string text;
    if (errors != 0) text += counted(errors, "error") + ", ";
    if (warnings != 0) text += counted(warnings, "warning") + ", ";
    if (unknowns != 0) text += std::to_string(unknowns) + " not known, ";
    text += counted(good, "check") + " fine";
    const State state = errors != 0     ? State::error
                        : warnings != 0 ? State::warn
                        : unknowns != 0 ? State::unknown
                                        : State::ok;
    lines_.push_back({state, state == State::ok ? "all well: " : "", text});
    if (privileges) lines_.push_back({State::ok, "", "Run it as root (sudo) to know more."});
    if (first != nullptr) {
      lines_.push_back({State::ok, "",
                        "More on a code: pona diag check --explain " + code_text(first->code) +
                            "   All fixes: pona diag check " + report_.words + " --fix-script"});
    }
  }

  const Report& report_;
  const ReportOptions& options_;
  std::vector<ReportLine> lines_;
};

// A comment of a script cannot become a line of it.
std::string comment(std::string_view text) { return "# " + printable(text); }

}  // namespace

std::vector<ReportLine> to_lines(const Report& report, const ReportOptions& options) {
  return Lines(report, options).run();
}

std::vector<std::string> fix_script(const Report& report) {
  std::vector<std::string> lines = {
      "#!/bin/sh", comment("Fixes for what `pona diag check` found on " + report.subject + "."),
      "# Read it before you run it: its commands change this host. They do not depend on each "
      "other."};
  std::set<std::string> written;
  bool any = false;
  for (const Result& result : report.results) {
    if (result.state != State::warn && result.state != State::error) continue;
    lines.emplace_back();
    lines.push_back(comment(code_text(result.code) + " (" + std::string(to_string(result.state)) +
                            "): " + result.what));
    for (const std::string& evidence : result.evidence)
      lines.push_back(comment("  seen: " + evidence));
    for (const Fix& fix : result.fixes) {
      if (!fix.comment.empty()) lines.push_back(comment("  " + fix.comment));
      if (fix.command.empty()) continue;
      // One that two results ask for is done once: a second time it may fail.
      if (!written.insert(fix.command).second) {
        lines.push_back(comment("  (done above) " + fix.command));
        continue;
      }
      lines.push_back(printable(fix.command));
      any = true;
    }
  }
  if (!any) lines.push_back("# There is nothing to run.");
  return lines;
}

int exit_status(const Results& results, State fail_on) {
  bool privileges = false;
  for (const Result& result : results) {
    if (result.state == State::error || (result.state == State::warn && fail_on == State::warn)) {
      return 1;
    }
    privileges = privileges || (result.state == State::unknown && result.privileges);
  }
  return privileges ? 5 : 0;
}

}  // namespace core::check
