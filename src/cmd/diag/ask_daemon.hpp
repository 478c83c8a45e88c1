// The same trace by a daemon of this host, for who has its socket and not its rights.
#pragma once

#include <optional>

#include "cmd/diag/trace.hpp"

namespace cmd {

// Whether this process may send packets and read rules.
bool may_trace();

// The exit status, after printing what the daemon answered; nothing: none is there, or none knows
// such requests.
std::optional<int> trace_by_daemon(const TraceOptions& options);

}  // namespace cmd
