// The kernel parameters of a NAT pod's network namespace. A pod that is not privileged cannot write
// them; the agent of its node can.
#pragma once

#include <string>
#include <vector>

#include "cmd/node/sandbox_record.hpp"

namespace cmd {

struct NatSandbox {
  std::vector<std::string> changes;  // "net/ipv4/ip_forward"
  std::string error;                 // empty: they are as they must be
};

// Sets those that are not as a NAT pod needs them. One that the kernel does not have is passed
// over.
NatSandbox prepare_nat_sandbox(const Sandbox& sandbox);

}  // namespace cmd
