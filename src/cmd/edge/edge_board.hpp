// What the loop's thread and the HTTP thread tell one another: health after every step, and a
// status when one is asked for, because making one reads every counter and only the loop may touch
// the kernel.
#pragma once

#include <memory>
#include <mutex>

#include "cmd/edge/loop.hpp"
#include "cmd/edge/status.hpp"
#include "os/fd.hpp"

namespace cmd {

class EdgeBoard {
 public:
  EdgeBoard();

  // The loop's side. `wanted_fd` is readable after somebody asked for a status, until heard. Hear
  // before making one: who asks meanwhile gets another.
  [[nodiscard]] int wanted_fd() const { return wanted_.get(); }
  bool take_wish();
  void post(std::shared_ptr<const EdgeStatus> status, os::Time now);
  void post(const EdgeHealth& health);

  // The other side. `posted_fd` is readable after a status was posted, until heard.
  [[nodiscard]] int posted_fd() const { return posted_.get(); }
  void take_post();
  void want_status();
  // Null if there is none or it is older than `age`.
  std::shared_ptr<const EdgeStatus> status(os::Time now, std::chrono::milliseconds age);
  // A status that was made before is as large as the plan and of no more use.
  void forget(os::Time before);
  EdgeHealth health();

 private:
  os::Fd wanted_;
  os::Fd posted_;
  std::mutex mutex_;
  EdgeHealth health_;
  std::shared_ptr<const EdgeStatus> status_;
  os::Time made_{};
};

}  // namespace cmd
