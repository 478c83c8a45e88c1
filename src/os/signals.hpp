// The signals that a service heeds, as a descriptor for poll(2).
#pragma once

#include <initializer_list>

#include "os/fd.hpp"

namespace os {

// SIGTERM, SIGINT and SIGHUP, and `others`, arrive at this descriptor only (signalfd(2)), if it is
// called before any thread is made. SIGPIPE is ignored. Throws core::Error.
Fd catch_signals(std::initializer_list<int> others = {});
// The number of one that arrived; 0: none did.
int take_signal(const Fd& signals);

}  // namespace os
