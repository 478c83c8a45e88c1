// Who listens on the host, as far as claims are judged by it. What went counts for a while, because
// a service that is started again is not to find its port taken. Not here: what it stands against
// (core/edge/host_ports).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/listener.hpp"
#include "os/clock.hpp"

namespace cmd {

class HostListeners {
 public:
  // May throw core::Error.
  using Read = std::function<core::Listeners()>;

  HostListeners(Read read, os::Clock clock) : read_(std::move(read)), clock_(std::move(clock)) {}

  // Nothing: it cannot be told, or it was a moment ago; looks take no more than a fifth of the
  // time.
  std::optional<core::Listeners> look();
  // When to look again while a claim waits for a socket to go.
  [[nodiscard]] os::Time due() const { return due_; }
  // Why it cannot be told; empty: it can.
  [[nodiscard]] const std::string& warning() const { return warning_; }

 private:
  Read read_;
  os::Clock clock_;
  os::Time not_before_{};
  os::Time due_{};
  std::map<core::Listener, os::Time> seen_;  // last
  std::string warning_;
};

}  // namespace cmd
