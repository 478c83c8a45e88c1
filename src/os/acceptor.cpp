#include "os/acceptor.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace os {

Acceptor::Acceptor(Fd listener, std::string what, std::function<void(const std::string&)> complain)
    : listener_(std::move(listener)), what_(std::move(what)), complain_(std::move(complain)) {}

Fd Acceptor::accept(Time now, const std::function<bool()>& make_room) {
  for (;;) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd || errno == EAGAIN || errno == EWOULDBLOCK) return fd;
    switch (errno) {
      // accept(2): what became of the connection meanwhile. The next one may be well.
      case EINTR:
      case ECONNABORTED:
      case EPERM:
      case EPROTO:
      case ENETDOWN:
      case ENETUNREACH:
      case EHOSTDOWN:
      case EHOSTUNREACH:
      case ENOPROTOOPT:
      case ENONET:
        continue;
      case EMFILE:
      case ENFILE:
        if (make_room()) continue;
        break;
      default:
        break;
    }
    break;
  }
  const int reason = errno;
  paused_until_ = now + pause;
  if (now >= silent_until_) {
    silent_until_ = now + silence;
    complain_("cannot accept connections to " + what_ + ": " + std::strerror(reason) +
              "; trying again every half second");
  }
  return Fd();
}

}  // namespace os
