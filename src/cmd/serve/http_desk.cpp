#include "cmd/serve/http_desk.hpp"

#include <string>
#include <utility>

#include "core/error.hpp"

namespace cmd {

std::uint64_t HttpDesk::order(std::size_t page) {
  const std::lock_guard lock(mutex_);
  slots_[page].wanted = true;
  wanted_.ring();
  return ++orders_;
}

void HttpDesk::cancel(std::size_t page) {
  const std::lock_guard lock(mutex_);
  slots_[page].wanted = false;
}

std::optional<HttpDesk::Reading> HttpDesk::take(std::size_t page) {
  const std::lock_guard lock(mutex_);
  return std::exchange(slots_[page].reading, std::nullopt);
}

void HttpDesk::read_wanted(const std::vector<HttpPage>& pages) {
  wanted_.silence();
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
      reading.text = [text = error.what() + std::string("\n")] { return HttpAnswer{503, text}; };
    }
    const std::lock_guard lock(mutex_);
    slots_[page].reading = std::move(reading);
    read_.ring();
  }
}

}  // namespace cmd
