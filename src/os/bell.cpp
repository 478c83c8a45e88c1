#include "os/bell.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.hpp"

namespace os {

Bell::Bell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_) return;
  throw core::Error(core::Error::Kind::transient,
                    std::string("cannot make an eventfd: ") + std::strerror(errno));
}

// Fails only when it was rung very often and not heard: it is ringing already.
void Bell::ring() { static_cast<void>(!eventfd_write(fd_.get(), 1)); }

bool Bell::silence() {
  eventfd_t rings = 0;
  return eventfd_read(fd_.get(), &rings) == 0;
}

}  // namespace os
