// The edge lab: what runs in it, and the steps that show what the edge does. A step that is asked
// for alone behaves as in the whole run; only the take-over leaves the lab other than it was.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/lab_home.hpp"
#include "cmd/lab_report.hpp"
#include "cmd/lab_wait.hpp"

namespace cmd {

// Builds the network, writes the manifests, starts the pods' servers and an edge on both
// appliances, and waits until they are ready. `progress` is told what is done next.
void set_up_edge_lab(LabHome& lab, Waiting& waiting,
                     const std::function<void(const std::string&)>& progress);

// The appliance that holds the addresses, and the other one.
struct Pair {
  std::string active;
  std::string other;
};
Pair appliances(const LabHome& lab);

struct EdgeLab {
  LabHome& home;
  Waiting& waiting;
};

struct EdgeStep {
  std::string_view name;
  std::string_view shows;
  std::vector<std::string> repeat;  // "{manifests}" and "{socket}" stand for the lab's own
  void (*run)(EdgeLab& lab, StepReport& report);
};

std::span<const EdgeStep> edge_steps();

}  // namespace cmd
