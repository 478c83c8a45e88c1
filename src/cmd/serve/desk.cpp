#include "cmd/serve/desk.hpp"

#include <sys/eventfd.h>

#include <utility>

#include "core/error.hpp"

namespace cmd {

Desk::Desk() : bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!bell_) throw core::Error(core::Error::Kind::transient, "cannot make an eventfd");
}

HttpAnswer Desk::ask(std::string_view path, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  question_ = std::string(path);
  answer_.reset();
  static_cast<void>(!eventfd_write(bell_.get(), 1));
  if (!answered_.wait_for(lock, patience, [this] { return answer_.has_value(); })) {
    question_.reset();
    return {503, HttpAnswer().type, "the loop is busy\n"};
  }
  return *std::exchange(answer_, std::nullopt);
}

void Desk::serve(const std::function<HttpAnswer(std::string_view path)>& answer) {
  eventfd_t rings = 0;
  static_cast<void>(!eventfd_read(bell_.get(), &rings));
  std::optional<std::string> question;
  {
    const std::lock_guard lock(mutex_);
    question.swap(question_);
  }
  if (!question) return;
  HttpAnswer made = answer(*question);
  const std::lock_guard lock(mutex_);
  answer_ = std::move(made);
  answered_.notify_one();
}

}  // namespace cmd
