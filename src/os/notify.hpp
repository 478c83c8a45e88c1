// The little of systemd's notification protocol that a service needs (sd_notify(3)). Does nothing
// where no service manager asks for it.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace os {

// `state` is lines of NAME=VALUE: "READY=1", "WATCHDOG=1", "STATUS=…".
void notify_service_manager(std::string_view state);

// How often the service manager wants to hear WATCHDOG=1 at least, if it wants to.
std::optional<std::chrono::milliseconds> watchdog_interval();

}  // namespace os
