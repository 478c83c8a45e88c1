// One look into a client's network namespace: what is there, what must be, and the difference made.
// Enters the namespace in a thread of its own, keeps nothing open, and remembers nothing: what is
// ours there is known by its protocol, group and table.
#pragma once

#include <string>
#include <vector>

#include "cmd/node/sandbox_record.hpp"
#include "core/egress/plan_client.hpp"

namespace cmd {

struct ClientPass {
  core::ClientPlan plan;
  core::Changes changes;  // that were made, or would be
  // The namespace is no longer there, or another one is at its path. One that cannot be opened for
  // another reason is there: its client goes on being one.
  bool gone = false;
  bool ipv6 = true;        // it is not disabled there
  std::string error;       // empty: it is as planned
  bool permanent = false;  // trying soon again will not help
};

// `incomplete`: the pod asks for an Egress that is not there, so what was closed stays closed.
// `dry`: only tells.
ClientPass pass_client(const Sandbox& sandbox, const core::ClientSettings& settings,
                       core::ClientInput input, bool incomplete, bool dry);

}  // namespace cmd
