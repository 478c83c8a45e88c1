// Those steps of the edge lab in which something changes while traffic flows. Each leaves the lab
// as it was, but for the take-over.
#pragma once

#include "cmd/lab/kind.hpp"

namespace cmd {

void drain(Lab& lab, StepReport& report);
void add_mapping(Lab& lab, StepReport& report);
void take_over(Lab& lab, StepReport& report);

}  // namespace cmd
