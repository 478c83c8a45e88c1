#include "cmd/lab/interruptible_wait.hpp"

#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace cmd {

Waiting::Waiting() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, signal);
  if (sigprocmask(SIG_BLOCK, &set, nullptr) == 0)
    signals_ = os::Fd(signalfd(-1, &set, SFD_CLOEXEC));
  if (!signals_) {
    throw core::Error(core::Error::Kind::permanent,
                      std::string("cannot wait for signals: ") + std::strerror(errno));
  }
}

bool Waiting::poll(std::span<pollfd> fds, Clock::time_point until) {
  std::vector<pollfd> all(fds.begin(), fds.end());
  all.push_back({signals_.get(), POLLIN, 0});
  while (true) {
    const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now());
    const int ready = ::poll(all.data(), all.size(),
                             static_cast<int>(std::max<Milliseconds::rep>(0, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (all.back().revents != 0) {
      signalfd_siginfo info{};
      if (read(signals_.get(), &info, sizeof info) == sizeof info) {
        signal_ = static_cast<int>(info.ssi_signo);
      }
      throw core::Error(core::Error::Kind::transient,
                        std::string("interrupted (") + strsignal(signal_) + ")");
    }
    std::copy_n(all.begin(), fds.size(), fds.begin());
    return ready > 0;
  }
}

bool Waiting::readable(int fd, Clock::time_point until) {
  pollfd one{fd, POLLIN, 0};
  return poll({&one, 1}, until);
}

bool Waiting::writable(int fd, Clock::time_point until) {
  pollfd one{fd, POLLOUT, 0};
  return poll({&one, 1}, until);
}

void Waiting::sleep(Milliseconds time) { poll({}, Clock::now() + time); }

bool Waiting::until(Clock::time_point end, const std::function<bool()>& happened) {
  while (!happened()) {
    if (Clock::now() >= end) return false;
    sleep(Milliseconds(2));
  }
  return true;
}

}  // namespace cmd
