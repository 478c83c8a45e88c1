// `pona controller`: runs until it is told to stop.
#pragma once

#include <string>

#include "cmd/serve/service_options.hpp"
#include "kube/egress/plan_workload.hpp"

namespace cmd {

struct ControllerRunOptions {
  ServiceOptions service;
  kube::WorkloadSettings workload;
  std::string instance;  // empty: the host's name
  std::string lease_ns = "pona-system";
};

int run_controller(const ControllerRunOptions& options);

}  // namespace cmd
