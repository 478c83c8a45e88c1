// The loop of a daemon: its steps, and the wait between them for signals, descriptors and time.
// Tells the service manager that the daemon is ready, alive and stopping. What a step does, and
// when the next one is due, is the daemon's own business.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/serve/log.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

namespace cmd {

class PollLoop {
 public:
  struct Next {
    os::Time due = os::Time::max();
    // After a failure what leads to a step may stay readable: it is looked at a little later.
    bool failed = false;
  };
  enum class Then : std::uint8_t { step, wait };
  using Descriptor = std::function<int()>;
  using Handle = std::function<void()>;

  // From now on signals arrive here only: make it before any thread. Throws core::Error.
  explicit PollLoop(os::Clock clock);

  // While it waits. The descriptor is asked for before each wait; where it is negative, there is
  // none now. `handle` is called when it is readable, and then comes a step, or more waiting.
  void watch(
      Then then, Descriptor descriptor, Handle handle = [] {});
  // Many that come and go. `take` is given what `add_to` added, after each wait; a step follows if
  // any was readable.
  using Polled = std::vector<pollfd>;
  void watch_many(std::function<void(Polled&)> add_to, std::function<void(const Polled&)> take);

  // SIGHUP, which leads to a step; without this, nothing happens.
  void on_resync(Handle resync) { resync_ = std::move(resync); }
  // SIGTERM and SIGINT, instead of the end of run(); a step follows.
  void on_stop(Handle handle) { told_to_stop_ = std::move(handle); }

  // Steps and waits until stop() was called, in a handler or step, or a signal says so.
  void run(const std::function<Next()>& step);
  void stop() { stopped_ = true; }

  // Whether a step found it ready; the first time, it is told.
  void tell_ready(bool ready, std::string_view message, const log::Fields& fields = {});
  // One line for systemctl status, where it is another one than before.
  void tell_status(const std::string& line);

 private:
  struct Watched {
    Then then;
    Descriptor descriptor;
    Handle handle;
  };
  struct Many {
    std::function<void(Polled&)> add_to;
    std::function<void(const Polled&)> take;
  };

  void wait(const Next& next);
  bool wait_once(os::Time until, bool deaf);
  bool take_signals();
  void feed_watchdog();

  os::Fd signals_;
  os::Clock clock_;
  std::optional<std::chrono::milliseconds> watchdog_;
  os::Time next_feed_{};
  std::vector<Watched> watched_;
  std::vector<Many> many_;
  Handle resync_;
  Handle told_to_stop_;
  bool ready_ = false;
  std::string status_;
  bool stopped_ = false;
};

}  // namespace cmd
