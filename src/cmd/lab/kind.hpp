// A kind of lab: its network, what runs in it, and the steps that show what it is about. What all
// kinds have in common knows them by this alone.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/lab/home.hpp"
#include "cmd/lab/interruptible_wait.hpp"
#include "cmd/lab/report.hpp"

namespace cmd {

struct Lab {
  LabHome& home;
  Waiting& waiting;
};

// A step that is asked for alone behaves as in the whole run: it leaves the lab as it was, or is
// the last one.
struct LabStep {
  std::string_view name;
  std::string_view shows;
  std::vector<std::string> repeat;  // "{lab}" stands for the lab's directory
  void (*run)(Lab& lab, StepReport& report);
};

struct LabKind {
  std::string_view name;
  std::string_view picture;
  // Builds the network, starts what runs in it, and waits until that is ready. `progress` is told
  // what is done next. Returns what of this machine makes a difference to what is shown.
  std::vector<std::string> (*set_up)(Lab& lab,
                                     const std::function<void(const std::string&)>& progress);
  std::vector<LabStep> steps;
  std::vector<std::string> things_to_try;  // besides what the steps say
};

const LabKind& edge_lab();
const LabKind& egress_lab();

std::span<const LabKind* const> lab_kinds();

}  // namespace cmd
