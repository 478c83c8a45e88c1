// Results as lines for people, as a script of their fixes, and as an exit status. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/check/codes.hpp"
#include "core/check/result.hpp"

namespace core::check {

struct Report {
  Role role{};
  std::string subject;        // "this host (edge-1)"
  std::string words;          // what was asked for: "edge", "pod shop/web-1"
  std::vector<Group> groups;  // that were looked at
  Results results;
};

struct ReportOptions {
  bool all = false;         // each check, not only what is wrong
  std::size_t width = 100;  // of the terminal
};

struct ReportLine {
  State state{};     // what its first word says
  std::string word;  // to be coloured; may be empty
  std::string text;
};
std::vector<ReportLine> to_lines(const Report& report, const ReportOptions& options);

// A script of sh(1), which changes nothing that no result names. What has no command is a comment.
std::vector<std::string> fix_script(const Report& report);

// 0 clean, 1 something is as bad as `fail_on`, 5 nothing is, and more rights would tell more.
int exit_status(const Results& results, State fail_on);

}  // namespace core::check
