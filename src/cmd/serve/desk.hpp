// Where the HTTP thread of a service asks its loop, which alone may touch the kernel, and waits for
// the answer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "cmd/serve/http_service.hpp"
#include "os/fd.hpp"

namespace cmd {

class Desk {
 public:
  // Throws core::Error when the process has no descriptors left.
  Desk();

  // The HTTP thread's side. 503 when the loop does not answer in time.
  HttpAnswer ask(std::string_view path, std::chrono::milliseconds patience);

  // The loop's side: readable while somebody waits.
  [[nodiscard]] int fd() const { return bell_.get(); }
  // Nothing happens where nobody waits.
  void serve(const std::function<HttpAnswer(std::string_view path)>& answer);

 private:
  os::Fd bell_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<std::string> question_;
  std::optional<HttpAnswer> answer_;
};

}  // namespace cmd
