#include "cmd/lab/traffic.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace cmd {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const Peer& peer) {
  SocketAddress out;
  if (peer.address.family() == core::Family::ipv4) {
    auto& in = reinterpret_cast<sockaddr_in&>(out.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(peer.port);
    std::memcpy(&in.sin_addr, peer.address.bytes().data(), sizeof in.sin_addr);
    out.size = sizeof in;
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(out.storage);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(peer.port);
    std::memcpy(&in.sin6_addr, peer.address.bytes().data(), sizeof in.sin6_addr);
    out.size = sizeof in;
  }
  return out;
}

constexpr const char* timed_out = "no answer";

// Opens and connects; 0 or an errno value.
int connect_from(const Origin& origin, const Peer& to, int type, os::Fd& fd) {
  const SocketAddress target = socket_address(to);
  fd = origin.where.socket(target.storage.ss_family, type | SOCK_NONBLOCK);
  if (origin.source) {
    const SocketAddress source = socket_address({*origin.source, 0});
    if (bind(fd.get(), source.get(), source.size) != 0) return errno;
  }
  if (connect(fd.get(), target.get(), target.size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!origin.waiting.writable(fd.get(), Clock::now() + origin.timeout)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

std::string describe(int error) { return error == ETIMEDOUT ? timed_out : std::strerror(error); }

}  // namespace

std::string to_string(const Peer& peer) {
  const std::string host = to_string(peer.address);
  return (peer.address.family() == core::Family::ipv6 ? '[' + host + ']' : host) + ':' +
         std::to_string(peer.port);
}

Stream::Stream(const Origin& origin, const Peer& to)
    : waiting_(&origin.waiting), timeout_(origin.timeout) {
  if (const int error = connect_from(origin, to, SOCK_STREAM, fd_)) error_ = describe(error);
}

bool Stream::send(std::string_view text) {
  const auto until = Clock::now() + timeout_;
  while (connected() && !text.empty()) {
    const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN) {
      error_ = describe(errno);
    } else if (!waiting_->writable(fd_.get(), until)) {
      error_ = timed_out;
    }
  }
  return connected();
}

// False when nothing more will come: the peer closed (no error), or an error.
bool Stream::receive(Clock::time_point until) {
  if (!waiting_->readable(fd_.get(), until)) {
    error_ = timed_out;
    return false;
  }
  std::array<char, 4096> buffer{};
  const ssize_t size = recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (size < 0) error_ = describe(errno);
  if (size <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

Answer Stream::line(Clock::time_point until) {
  while (connected()) {
    if (const std::size_t end = received_.find('\n'); end != std::string::npos) {
      Answer answer{received_.substr(0, end), {}};
      received_.erase(0, end + 1);
      return answer;
    }
    if (!receive(until) && connected()) error_ = "the peer closed the connection";
  }
  return {{}, error_};
}

Answer Stream::rest() {
  const auto until = Clock::now() + timeout_;
  while (connected() && receive(until)) {
  }
  return {received_, error_};
}

Answer Stream::ask(std::string_view line_of_text) {
  send(std::string(line_of_text) + '\n');
  return line();
}

std::optional<Answer> parse_http(std::string_view reply) {
  const std::size_t blank = reply.find("\r\n\r\n");
  if (!reply.starts_with("HTTP/1.") || blank == std::string_view::npos || reply.size() < 12) {
    return {};
  }
  std::string_view body = reply.substr(blank + 4);
  while (body.ends_with('\n')) body.remove_suffix(1);
  if (reply.substr(8, 4) == " 200") return Answer{std::string(body), {}};
  return Answer{std::string(body), "HTTP status" + std::string(reply.substr(8, 4))};
}

Answer http_get(const Origin& origin, const Peer& to, std::string_view path) {
  Stream stream(origin, to);
  stream.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: " + to_string(to) +
              "\r\nConnection: close\r\n\r\n");
  Answer reply = stream.rest();
  if (!reply.ok()) return reply;
  return parse_http(reply.text).value_or(Answer{{}, "the answer is not HTTP"});
}

Answer ask_udp(const Origin& origin, const Peer& to, std::string_view text) {
  os::Fd fd;
  if (const int error = connect_from(origin, to, SOCK_DGRAM, fd)) return {{}, describe(error)};
  if (::send(fd.get(), text.data(), text.size(), 0) < 0) return {{}, describe(errno)};
  if (!origin.waiting.readable(fd.get(), Clock::now() + origin.timeout)) return {{}, timed_out};
  std::array<char, 2048> buffer{};
  const ssize_t size = recv(fd.get(), buffer.data(), buffer.size(), 0);
  if (size < 0) return {{}, describe(errno)};
  std::string answer(buffer.data(), static_cast<std::size_t>(size));
  while (answer.ends_with('\n')) answer.pop_back();
  return {answer, {}};
}

std::optional<Url> parse_url(std::string_view text) {
  Url url;
  std::optional<std::uint16_t> port;
  const std::size_t colon = text.find("://");
  const std::string_view scheme = text.substr(0, colon);
  if (scheme == "http") {
    port = std::uint16_t{80};
  } else if (scheme == "tcp") {
    url.scheme = Url::Scheme::tcp;
  } else if (scheme == "udp") {
    url.scheme = Url::Scheme::udp;
  } else {
    return {};
  }
  if (colon == std::string_view::npos) return {};
  text.remove_prefix(colon + 3);

  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    url.path = text.substr(slash);
    text = text.substr(0, slash);
  }
  // A ':' outside brackets separates the port.
  const std::size_t bracket = text.find(']');
  const std::size_t split = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (split != std::string_view::npos) {
    port = core::parse_port(text.substr(split + 1));
    text = text.substr(0, split);
  }
  const bool bracketed = text.starts_with('[') && text.ends_with(']');
  if (bracketed) text = text.substr(1, text.size() - 2);
  const auto host = core::Address::parse(text);
  if (!host || !port || bracketed != (host->family() == core::Family::ipv6)) return {};
  url.peer = {*host, *port};
  return url;
}

Answer fetch(const Origin& origin, const Url& url, const std::string& text) {
  if (url.scheme == Url::Scheme::http) return http_get(origin, url.peer, url.path);
  if (url.scheme == Url::Scheme::udp) return ask_udp(origin, url.peer, text);
  Stream stream(origin, url.peer);
  const Answer greeting = stream.line();
  const Answer echo = stream.ask(text);
  return echo.ok() ? Answer{greeting.text + ": " + echo.text, {}} : echo;
}

}  // namespace cmd
