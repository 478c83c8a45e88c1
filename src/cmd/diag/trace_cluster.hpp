// `pona diag trace` from a workstation: it runs where the packet begins, on other nodes somebody
// waits for the same packet, and what all of them saw is one trace. By pods/exec, with the caller's
// own rights: nothing listens for that, and no daemon has rights that it would not need otherwise.
#pragma once

#include "cmd/diag/trace.hpp"

namespace cmd {

// Whether it is to run in a cluster rather than on this host.
bool in_cluster(const TraceOptions& options);
// The exit status. Throws core::Error.
int trace_cluster(const TraceOptions& options);

}  // namespace cmd
