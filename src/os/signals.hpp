// The signals that a service heeds, as a descriptor for poll(2).
#pragma once

#include "os/fd.hpp"

namespace os {

// SIGTERM, SIGINT and SIGHUP arrive at this descriptor only (signalfd(2)), if it is called before
// any thread is made. SIGPIPE is ignored. Throws core::Error.
Fd catch_signals();

}  // namespace os
