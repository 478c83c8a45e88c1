// Waiting that Ctrl-C ends: the signals that ask a program to stop become an exception at the next
// wait, so that everything is taken down by destructors. One object per process, made before
// threads.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <span>

#include "os/fd.hpp"

namespace cmd {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// For what is to come about: only what fails waits that long, and a busy machine may need it.
inline constexpr std::chrono::seconds lab_patience{180};

class Waiting {
 public:
  // Blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT from here on.
  Waiting();

  // Until one of `fds` is ready: true; false when time is up. Throws core::Error on a signal.
  bool poll(std::span<pollfd> fds, Clock::time_point until);
  bool readable(int fd, Clock::time_point until);
  bool writable(int fd, Clock::time_point until);
  void sleep(Milliseconds time);
  // Asks until `happened` says yes: true; false when time is up.
  bool until(Clock::time_point end, const std::function<bool()>& happened);

  // The signal that ended a wait, 0 if none did.
  [[nodiscard]] int signal() const { return signal_; }

 private:
  os::Fd signals_;
  int signal_ = 0;
};

}  // namespace cmd
