// Plan, source and counters -> what `pona edge status` tells. Reads the kernel, changes nothing.
#pragma once

#include "cmd/edge/status.hpp"
#include "core/edge/plan_edge.hpp"
#include "kube/source.hpp"
#include "net/kernel.hpp"

namespace cmd {

// All but `process`. Counters that cannot be read stay 0 and become a warning.
EdgeStatus collect(const core::EdgePlan& plan, const kube::Source& source, net::Kernel& kernel);

// Of one external address, port and protocol: who asks for it, and what of their ports has to do
// with it. Neither the kernel is asked nor all is walked through; counters are left out.
EdgeStatus collect_about(const core::EdgePlan& plan, const core::ForwardKey& key);

// From what is in the kernel alone: no Services, no rejected objects, no gateways that main chose.
EdgeStatus collect(net::Kernel& kernel);

}  // namespace cmd
