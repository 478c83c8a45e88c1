#include "cmd/edge/edge_board.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.hpp"

namespace cmd {
namespace {

os::Fd make_bell() {
  os::Fd bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) {
    throw core::Error(core::Error::Kind::transient,
                      std::string("cannot make an event descriptor: ") + std::strerror(errno));
  }
  return bell;
}

// Fails only when it was rung very often and not heard.
void ring(const os::Fd& bell) { static_cast<void>(!eventfd_write(bell.get(), 1)); }
bool silence(const os::Fd& bell) {
  eventfd_t rings = 0;
  return eventfd_read(bell.get(), &rings) == 0;
}

}  // namespace

EdgeBoard::EdgeBoard() : wanted_(make_bell()), posted_(make_bell()) {}

bool EdgeBoard::take_wish() { return silence(wanted_); }

void EdgeBoard::post(std::shared_ptr<const EdgeStatus> status, os::Time now) {
  {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    made_ = now;
  }
  ring(posted_);
}

void EdgeBoard::post(const EdgeHealth& health) {
  const std::lock_guard lock(mutex_);
  health_ = health;
}

void EdgeBoard::take_post() { silence(posted_); }

void EdgeBoard::want_status() { ring(wanted_); }

std::shared_ptr<const EdgeStatus> EdgeBoard::status(os::Time now, std::chrono::milliseconds age) {
  const std::lock_guard lock(mutex_);
  return status_ != nullptr && now - made_ <= age ? status_ : nullptr;
}

void EdgeBoard::forget(os::Time before) {
  std::shared_ptr<const EdgeStatus> old;  // freed without the lock
  const std::lock_guard lock(mutex_);
  if (made_ < before) old = std::move(status_);
}

EdgeHealth EdgeBoard::health() {
  const std::lock_guard lock(mutex_);
  return health_;
}

}  // namespace cmd
