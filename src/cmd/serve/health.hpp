// What the HTTP thread of a daemon may know of its loop without asking it.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cmd/serve/http_server.hpp"
#include "os/clock.hpp"

namespace cmd {

// A loop that works on one step for longer is no longer healthy.
inline constexpr std::chrono::seconds stalled_after{10};

// The last value that one thread left for another.
template <typename Value>
class Latest {
 public:
  void post(Value value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }
  Value read() {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  Value value_;
};

struct LoopHealth {
  bool ready = false;
  std::vector<std::string> troubles = {"it is starting"};
  std::optional<os::Time> busy_since;  // set while a step runs
};

// 200 with `good`, or 503 with what is the matter, a line each.
HttpAnswer health_answer(bool good, const std::vector<std::string>& troubles,
                         const std::string& good_text = "ok\n");

// /healthz: the loop turns. /readyz: it said that it is ready, too. `health` must outlive them.
std::vector<HttpPage> health_pages(Latest<LoopHealth>& health);

}  // namespace cmd
