// Those steps of the edge lab in which something changes while traffic flows. Each leaves the lab
// as it was, but for the take-over.
#pragma once

#include "cmd/lab_edge.hpp"

namespace cmd {

void drain(EdgeLab& lab, StepReport& report);
void add_mapping(EdgeLab& lab, StepReport& report);
void take_over(EdgeLab& lab, StepReport& report);

}  // namespace cmd
