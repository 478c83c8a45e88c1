// What the HTTP thread of a service may know of its loop without asking it.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cmd/serve/http_service.hpp"
#include "os/clock.hpp"

namespace cmd {

class HealthBoard {
 public:
  // The loop begins a step, and has ended it.
  void begin(os::Time now);
  void post(bool ready, std::vector<std::string> troubles);

  // Healthy: the loop turns. Ready: it said so.
  HttpAnswer answer(bool readiness);

 private:
  std::mutex mutex_;
  bool ready_ = false;
  std::vector<std::string> troubles_ = {"it is starting"};
  std::optional<os::Time> busy_since_;
};

}  // namespace cmd
