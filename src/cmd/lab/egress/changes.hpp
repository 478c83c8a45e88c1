// Those steps of the egress lab in which something changes while traffic flows. Each leaves the lab
// as it was.
#pragma once

#include "cmd/lab/kind.hpp"

namespace cmd {

void annotate(Lab& lab, StepReport& report);
void drain_nat_pod(Lab& lab, StepReport& report);
void kill_nat_pod(Lab& lab, StepReport& report);
void kill_all_nat_pods(Lab& lab, StepReport& report);

}  // namespace cmd
