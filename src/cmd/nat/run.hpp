// `pona nat`: runs in the NAT pod until it is told to stop, then lets connections end.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cmd/serve/service_options.hpp"
#include "core/egress/plan_nat.hpp"
#include "core/ip.hpp"

namespace cmd {

struct NatOptions {
  core::NatSettings settings;
  ServiceOptions service;
  std::uint16_t probe_port = 0;               // 0: none
  std::optional<std::chrono::seconds> drain;  // empty: as the Egress says
  bool nat_log = false;
  bool dry_run = false;
};

int run_nat(const NatOptions& options);

}  // namespace cmd
