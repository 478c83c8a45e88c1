// Takes connections from a listening socket. While the process or the host has no descriptors or
// memory left, the socket stays readable and accept(2) fails: a loop that polls it would turn
// without end. So it pauses then, and complains seldom.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "os/clock.hpp"
#include "os/fd.hpp"

namespace os {

class Acceptor {
 public:
  static constexpr std::chrono::milliseconds pause = std::chrono::milliseconds(500);
  // Between complaints about the same.
  static constexpr std::chrono::milliseconds silence = std::chrono::minutes(1);

  // `what` stands in complaints: "cannot accept connections to WHAT: …".
  Acceptor(Fd listener, std::string what, std::function<void(const std::string&)> complain);

  // To be polled; negative while it pauses.
  [[nodiscard]] int fd(Time now) const { return now < paused_until_ ? -1 : listener_.get(); }
  [[nodiscard]] int listener() const { return listener_.get(); }
  // When it is to be polled again; max: it does not pause.
  [[nodiscard]] Time due(Time now) const {
    return now < paused_until_ ? paused_until_ : Time::max();
  }

  // A connection that does not block, or none. `make_room` is called when none can be had for lack
  // of descriptors; true: it closed one.
  Fd accept(
      Time now, const std::function<bool()>& make_room = [] { return false; });

 private:
  Fd listener_;
  std::string what_;
  std::function<void(const std::string&)> complain_;
  Time paused_until_{};
  Time silent_until_{};
};

}  // namespace os
