#include "cmd/agent/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "cmd/serve/log.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

constexpr auto request_limit = 5s;
constexpr std::size_t longest_line = std::size_t{4} << 20;  // GC names all that is there
constexpr std::size_t most_connections = 1024;

}  // namespace

AgentServer::AgentServer(os::Fd listener, Handle handle, os::Clock clock)
    : listener_(std::move(listener), "the socket of the CNI plugin",
                [](const std::string& text) { log::warning(text); }),
      handle_(std::move(handle)),
      clock_(std::move(clock)) {}

bool AgentServer::full() const { return connections_.size() >= most_connections; }

void AgentServer::add_to(std::vector<pollfd>& fds) const {
  // Whoever is not let in would keep the socket readable.
  fds.push_back({full() ? -1 : listener_.fd(clock_.now()), POLLIN, 0});
  for (const auto& [number, connection] : connections_) {
    fds.push_back({connection.fd.get(), POLLIN, 0});
  }
}

void AgentServer::take(const std::vector<pollfd>& fds) {
  const auto ready = [&](int fd) {
    return std::ranges::any_of(
        fds, [&](const pollfd& polled) { return polled.fd == fd && polled.revents != 0; });
  };
  std::vector<int> numbers;
  for (const auto& [number, connection] : connections_) {
    if (ready(connection.fd.get())) numbers.push_back(number);
  }
  for (const int number : numbers) read_from(number);
  const os::Time now = clock_.now();
  std::erase_if(connections_, [&](const auto& connection) {
    return !connection.second.asked && now > connection.second.until;
  });
  if (ready(listener_.listener())) accept_all();
}

os::Time AgentServer::due() const {
  os::Time due = listener_.due(clock_.now());
  for (const auto& [number, connection] : connections_) {
    if (!connection.asked) due = std::min(due, connection.until + 1ms);
  }
  return due;
}

void AgentServer::accept_all() {
  while (!full()) {
    os::Fd fd = listener_.accept(clock_.now());
    if (!fd) return;
    const int number = ++last_;
    connections_.emplace(number,
                         Connection{std::move(fd), "", false, clock_.now() + request_limit});
    read_from(number);  // the question mostly is there already
  }
}

void AgentServer::read_from(int number) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (size <= 0) {  // it left, perhaps without waiting for the answer
      connections_.erase(found);
      return;
    }
    if (connection.asked) continue;  // whatever it says behind its question
    connection.line.append(buffer.data(), static_cast<std::size_t>(size));
    const std::size_t end = connection.line.find('\n');
    if (end == std::string::npos) {
      if (connection.line.size() <= longest_line) continue;
      connections_.erase(found);
      return;
    }
    connection.asked = true;
    const std::string line = connection.line.substr(0, end);
    connection.line.clear();
    handle_(line, [this, number](const std::string& answer) {
      const auto asker = connections_.find(number);
      if (asker == connections_.end()) return;
      const std::string whole = answer + '\n';
      // Mostly short, and the first on this socket: then it fits.
      std::string_view rest = whole;
      while (!rest.empty()) {
        const ssize_t sent = send(asker->second.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) {
          pollfd fd{asker->second.fd.get(), POLLOUT, 0};
          if (poll(&fd, 1, 1000) > 0) continue;
        }
        if (sent <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(sent));
      }
      connections_.erase(asker);
    });
    return;
  }
}

}  // namespace cmd
