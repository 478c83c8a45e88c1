#include "cmd/lab/servers.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/serve/http_connections.hpp"
#include "cmd/serve/log.hpp"
#include "core/error.hpp"
#include "core/ip.hpp"
#include "os/acceptor.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

namespace cmd {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, "cannot " + what + ": " + std::strerror(errno));
}

// IPv4 peers of an IPv6 socket come as ::ffff:a.b.c.d.
std::string plain_address(const in6_addr& in) {
  const std::span<const std::uint8_t> bytes(in.s6_addr);
  return to_string(core::Address(IN6_IS_ADDR_V4MAPPED(&in) ? bytes.subspan(12) : bytes));
}

std::string sight(const std::string& name, const sockaddr_in6& peer) {
  return name + " sees " + plain_address(peer.sin6_addr);
}

std::string sight(const std::string& name, int fd) {
  sockaddr_in6 peer{};
  socklen_t size = sizeof peer;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return name;
  return sight(name, peer);
}

os::Fd bound_socket(int type, std::uint16_t port) {
  os::Fd fd(socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int off = 0;
  const int on = 1;
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (!fd || setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0 ||
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      (type == SOCK_DGRAM &&
       setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) != 0) ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
      (type == SOCK_STREAM && listen(fd.get(), SOMAXCONN) != 0)) {
    fail("listen on port " + std::to_string(port));
  }
  return fd;
}

class Echo {
 public:
  Echo(const std::string& name, std::uint16_t port)
      : name_(name),
        acceptor_(bound_socket(SOCK_STREAM, port), "the echo",
                  [](const std::string& complaint) { log::warning(complaint); }),
        datagrams_(bound_socket(SOCK_DGRAM, port)) {}

  [[nodiscard]] os::Time due() const { return acceptor_.due(os::Time::clock::now()); }

  void add_to(std::vector<pollfd>& fds) const {
    fds.push_back({datagrams_.get(), POLLIN, 0});
    fds.push_back({acceptor_.fd(os::Time::clock::now()), POLLIN, 0});
    for (const Stream& stream : streams_) {
      // Whoever takes nothing is not read from.
      fds.push_back({stream.fd.get(), stream.owed.empty() ? short{POLLIN} : short{POLLOUT}, 0});
    }
  }

  void take(std::span<const pollfd> fds) {
    if (fds[0].revents != 0) answer_datagram();
    auto stream = streams_.begin();
    for (const pollfd& polled : fds.subspan(2)) {
      const auto turn = stream++;
      if (polled.revents != 0 && !serve(*turn)) streams_.erase(turn);
    }
    if (fds[1].revents == 0) return;
    while (os::Fd fd = acceptor_.accept(os::Time::clock::now())) {
      streams_.push_back({std::move(fd), ""});
      streams_.back().owed = sight(name_, streams_.back().fd.get()) + '\n';
    }
  }

 private:
  struct Stream {
    os::Fd fd;
    std::string owed;  // to be sent before more is read
  };

  static bool waits(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EINTR); }

  static bool serve(Stream& stream) {  // false: it is over
    if (stream.owed.empty()) {
      std::array<char, 16384> buffer;
      const ssize_t size = recv(stream.fd.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) return waits(size);
      stream.owed.assign(buffer.data(), static_cast<std::size_t>(size));
    }
    const ssize_t sent =
        send(stream.fd.get(), stream.owed.data(), stream.owed.size(), MSG_NOSIGNAL);
    if (sent < 0) return waits(sent);
    stream.owed.erase(0, static_cast<std::size_t>(sent));
    return true;
  }

  // From the address that was asked: a host may have several.
  void answer_datagram() const {
    std::array<char, 2048> buffer{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
    sockaddr_in6 peer{};
    iovec data{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &peer;
    message.msg_namelen = sizeof peer;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = recvmsg(datagrams_.get(), &message, 0);
    if (length < 0) return;
    std::string answer =
        sight(name_, peer) + ": " + std::string(buffer.data(), static_cast<std::size_t>(length));
    data = {answer.data(), answer.size()};
    sendmsg(datagrams_.get(), &message, 0);
  }

  const std::string& name_;
  os::Acceptor acceptor_;
  os::Fd datagrams_;
  std::list<Stream> streams_;
};

}  // namespace

void serve(const Servers& servers) {
  std::vector<os::Fd> listeners;
  listeners.push_back(bound_socket(SOCK_STREAM, servers.http));
  HttpConnections* web = nullptr;
  HttpConnections http(
      std::move(listeners), {}, os::system_clock(),
      [&](HttpConnections::Id id, const HttpRequest& request) {
        const std::string body =
            request.path == "/name" ? servers.name : sight(servers.name, web->fd(id));
        web->answer(id, std::make_shared<const HttpAnswer>(HttpAnswer{200, body + '\n'}));
      },
      [](HttpConnections::Id) {});
  web = &http;
  Echo echo(servers.name, servers.echo);
  for (;;) {
    std::vector<pollfd> fds;
    http.add_to(fds);
    const std::size_t of_http = fds.size();
    echo.add_to(fds);
    const os::Time due = std::min(http.due(), echo.due());
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - os::Time::clock::now());
    const int limit = due == os::Time::max()
                          ? -1
                          : static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    if (poll(fds.data(), fds.size(), limit) < 0) {
      if (errno == EINTR) continue;
      fail("wait for what is asked");
    }
    http.take(std::span(fds).first(of_http));
    echo.take(std::span<const pollfd>(fds).subspan(of_http));
  }
}

}  // namespace cmd
