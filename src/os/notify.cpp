#include "os/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "os/fd.hpp"

namespace os {

void notify_service_manager(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  const std::string_view name = path;
  sockaddr_un address{};
  if (name.empty() || name.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::ranges::copy(name, address.sun_path);
  if (name.front() == '@') address.sun_path[0] = '\0';  // an abstract socket
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());

  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  // A service manager that does not listen is no reason to stop serving.
  static_cast<void>(sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size));
}

std::optional<std::chrono::milliseconds> watchdog_interval() {
  const char* process = std::getenv("WATCHDOG_PID");
  if (process != nullptr && std::to_string(getpid()) != process) return std::nullopt;
  const char* text = std::getenv("WATCHDOG_USEC");
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  std::uint64_t microseconds = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), microseconds);
  if (parsed.ec != std::errc() || microseconds < 2000) return std::nullopt;
  return std::chrono::milliseconds(microseconds / 1000);
}

}  // namespace os
