#include "cmd/node/call_agent.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/error.hpp"
#include "os/fd.hpp"

namespace cmd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_answer = std::size_t{64} << 20;  // each client has a part in a list

[[noreturn]] void give_up(const std::string& what) {
  throw core::Error(core::Error::Kind::transient, what);
}

class Call {
 public:
  explicit Call(std::chrono::milliseconds timeout)
      : timeout_(timeout),
        end_(Clock::now() + timeout),
        fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (!fd_) give_up(std::string("cannot open a socket: ") + std::strerror(errno));
  }

  void connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) give_up("the path is too long: " + path);
    path.copy(address.sun_path, path.size());
    // The one wait that poll() cannot bound: a full backlog.
    const timeval wait{.tv_sec = timeout_.count() / 1000,
                       .tv_usec = timeout_.count() % 1000 * 1000};
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    while (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno == EAGAIN) late();
      if (errno != EINTR || Clock::now() >= end_) give_up("connect: " + error());
    }
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      wait_for(POLLOUT);
      const ssize_t size = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size >= 0) {
        text.remove_prefix(static_cast<std::size_t>(size));
      } else if (errno != EAGAIN && errno != EINTR) {
        give_up("write: " + error());
      }
    }
  }

  std::string receive_line() {
    std::string text;
    for (;;) {
      wait_for(POLLIN);
      std::array<char, 65536> buffer;
      const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (size < 0) give_up("read: " + error());
      if (size == 0) give_up("it closed the connection without an answer");
      const std::size_t before = text.size();
      text.append(buffer.data(), static_cast<std::size_t>(size));
      if (const std::size_t end = text.find('\n', before); end != std::string::npos) {
        text.resize(end);
        return text;
      }
      if (text.size() > longest_answer) give_up("its answer has no end");
    }
  }

 private:
  static std::string error() { return std::strerror(errno); }

  [[noreturn]] void late() const {
    give_up("no answer within " + std::to_string(timeout_.count()) + " ms");
  }

  void wait_for(short events) const {
    for (;;) {
      // Rounded up, or the last millisecond would be spent turning in circles.
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
      if (left <= 0) late();
      pollfd entry{.fd = fd_.get(), .events = events, .revents = 0};
      const int ready = ::poll(&entry, 1, static_cast<int>(left));
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) give_up("poll: " + error());
    }
  }

  std::chrono::milliseconds timeout_;
  Clock::time_point end_;
  os::Fd fd_;
};

}  // namespace

std::string call_agent(const std::string& socket, const std::string& line,
                       std::chrono::milliseconds timeout) {
  Call call(timeout);
  call.connect(socket);
  call.send(line + '\n');
  return call.receive_line();
}

}  // namespace cmd
