// `pona lab run` from beginning to end: build, show step by step, tell the outcome, remove.
#pragma once

#include <string>
#include <vector>

#include "cmd/lab/kind.hpp"

namespace cmd {

struct LabRun {
  std::string base;
  std::string lab;                 // empty: a name of its own
  std::vector<std::string> steps;  // empty: all
  bool keep = false;
  bool json = false;
  bool colour = false;
  bool rootless = false;  // in a user namespace: what it tells to try next needs root
};

// The exit status: 0 when everything was as expected, 128 + signal when interrupted.
int run_lab(const LabKind& kind, const LabRun& run);

// Commands for somebody in front of a lab that is up, a line each. `name`: as it was given; empty:
// it was not.
std::string things_to_try(const LabKind& kind, const LabHome& lab, const std::string& name);

}  // namespace cmd
