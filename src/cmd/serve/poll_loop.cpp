#include "cmd/serve/poll_loop.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/printable.hpp"
#include "os/notify.hpp"
#include "os/signals.hpp"

namespace cmd {
namespace {

constexpr std::chrono::milliseconds longest_wait = std::chrono::hours(1);
constexpr std::chrono::milliseconds deaf_after_failure{50};

}  // namespace

PollLoop::PollLoop(os::Clock clock)
    : signals_(os::catch_signals()), clock_(std::move(clock)), watchdog_(os::watchdog_interval()) {}

void PollLoop::watch(Then then, Descriptor descriptor, Handle handle) {
  watched_.push_back({then, std::move(descriptor), std::move(handle)});
}

void PollLoop::watch_many(std::function<void(Polled&)> add_to,
                          std::function<void(const Polled&)> take) {
  many_.push_back({std::move(add_to), std::move(take)});
}

void PollLoop::run(const std::function<Next()>& step) {
  while (!stopped_) {
    const Next next = step();
    // cppcheck-suppress identicalInnerCondition  ; a step may stop it
    if (!stopped_) wait(next);
  }
  os::notify_service_manager("STOPPING=1");
}

void PollLoop::tell_ready(bool ready, std::string_view message, const log::Fields& fields) {
  if (!ready || std::exchange(ready_, true)) return;
  os::notify_service_manager("READY=1");
  log::info(message, fields);
}

void PollLoop::tell_status(const std::string& line) {
  if (std::exchange(status_, line) == line) return;
  os::notify_service_manager("STATUS=" + core::printable(line));
}

void PollLoop::wait(const Next& next) {
  const os::Time deaf_until =
      next.failed ? std::min(next.due, clock_.now() + deaf_after_failure) : os::Time{};
  while (!stopped_) {
    feed_watchdog();
    const os::Time now = clock_.now();
    const bool deaf = now < deaf_until;
    if (wait_once(deaf ? deaf_until : next.due, deaf) || clock_.now() >= next.due) return;
  }
}

// True: a step is to follow.
bool PollLoop::wait_once(os::Time until, bool deaf) {
  Polled fds = {{signals_.get(), POLLIN, 0}};
  for (const Watched& watched : watched_) {
    const bool heard = !deaf || watched.then == Then::wait;
    fds.push_back({heard ? watched.descriptor() : -1, POLLIN, 0});
  }
  std::vector<Polled> all(many_.size());
  for (std::size_t i = 0; i < many_.size(); ++i) {
    many_[i].add_to(all[i]);
    fds.insert(fds.end(), all[i].begin(), all[i].end());
  }
  const std::chrono::milliseconds longest = watchdog_ ? *watchdog_ / 2 : longest_wait;
  const os::Time now = clock_.now();
  const auto left = until <= now ? std::chrono::milliseconds(0)
                                 : std::chrono::ceil<std::chrono::milliseconds>(
                                       std::min<os::Time::duration>(until - now, longest));
  if (poll(fds.data(), fds.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
    throw core::Error(core::Error::Kind::permanent,
                      std::string("cannot wait for events: ") + std::strerror(errno));
  }

  bool step = fds[0].revents != 0 && take_signals();
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    if (fds[1 + i].revents == 0) continue;
    watched_[i].handle();
    step = step || watched_[i].then == Then::step;
  }
  auto polled = fds.begin() + 1 + static_cast<std::ptrdiff_t>(watched_.size());
  for (std::size_t i = 0; i < many_.size(); ++i) {
    for (pollfd& fd : all[i]) {
      fd = *polled++;
      step = step || fd.revents != 0;
    }
    many_[i].take(all[i]);
  }
  return step;
}

// True: a step is to follow.
bool PollLoop::take_signals() {
  bool step = false;
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGHUP) {
      if (told_to_stop_) {
        told_to_stop_();
      } else {
        stopped_ = true;
      }
      step = true;
    } else if (resync_) {
      log::info("SIGHUP: comparing everything with the kernel");
      resync_();
      step = true;
    }
  }
  return step;
}

void PollLoop::feed_watchdog() {
  if (!watchdog_ || clock_.now() < next_feed_) return;
  next_feed_ = clock_.now() + *watchdog_ / 2;
  os::notify_service_manager("WATCHDOG=1");
}

}  // namespace cmd
