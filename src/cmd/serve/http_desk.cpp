#include "cmd/serve/http_desk.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace cmd {
namespace {

HttpAnswer unavailable(const core::Error& error) {
  return {.code = 503, .body = error.what() + std::string("\n")};
}

}  // namespace

std::uint64_t HttpDesk::order(std::size_t page) {
  const std::lock_guard lock(mutex_);
  slots_[page].wanted = true;
  wanted_.ring();
  return ++orders_;
}

std::uint64_t HttpDesk::ask(std::size_t page, std::string what) {
  const std::lock_guard lock(mutex_);
  questions_.push_back({page, std::move(what), ++orders_});
  wanted_.ring();
  return orders_;
}

void HttpDesk::tell(std::uint64_t order, HttpAnswer answer) {
  const std::lock_guard lock(mutex_);
  told_.push_back({std::move(answer), order});
  made_.ring();
}

std::vector<HttpDesk::Made> HttpDesk::take_told() {
  const std::lock_guard lock(mutex_);
  return std::exchange(told_, {});
}

void HttpDesk::cancel(std::size_t page) {
  const std::lock_guard lock(mutex_);
  slots_[page].wanted = false;
  slots_[page].reading.reset();
}

std::optional<HttpDesk::Made> HttpDesk::take(std::size_t page) {
  const std::lock_guard lock(mutex_);
  return std::exchange(slots_[page].made, std::nullopt);
}

void HttpDesk::read_wanted(const std::vector<HttpPage>& pages) {
  wanted_.silence();
  std::vector<Question> questions;
  {
    const std::lock_guard lock(mutex_);
    questions.swap(questions_);
  }
  for (const Question& one : questions) {
    try {
      pages[one.page].ask(one.what, [this, order = one.order](HttpAnswer answer) {
        tell(order, std::move(answer));
      });
    } catch (const core::Error& error) {
      tell(one.order, unavailable(error));
    }
  }
  for (std::size_t page = 0; page < pages.size(); ++page) {
    Reading reading;
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(slots_[page].wanted, false)) continue;
      reading.order = orders_;
    }
    try {
      reading.text = pages[page].read();
    } catch (const core::Error& error) {
      reading.text = [answer = unavailable(error)] { return answer; };
    }
    const std::lock_guard lock(mutex_);
    slots_[page].reading = std::move(reading);
    read_.notify_one();
  }
}

void HttpDesk::make(const std::stop_token& stop) {
  const auto has_reading = [](const Slot& slot) { return slot.reading.has_value(); };
  std::unique_lock lock(mutex_);
  while (read_.wait(lock, stop, [&] { return std::ranges::any_of(slots_, has_reading); })) {
    for (std::size_t page = 0; page < slots_.size() && !stop.stop_requested(); ++page) {
      if (!has_reading(slots_[page])) continue;
      const Reading reading = *std::exchange(slots_[page].reading, std::nullopt);
      lock.unlock();
      Made made{{}, reading.order};
      try {
        made.answer = reading.text();
      } catch (const core::Error& error) {
        made.answer = unavailable(error);
      }
      lock.lock();
      slots_[page].made = std::move(made);
      made_.ring();
    }
    if (stop.stop_requested()) return;
  }
}

}  // namespace cmd
