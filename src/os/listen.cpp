#include "os/listen.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/error.hpp"
#include "os/directories.hpp"

namespace os {
namespace {

constexpr int backlog = 64;

[[noreturn]] void fail(const std::string& attempt, int reason, const std::string& advice = "") {
  throw core::Error(core::Error::Kind::permanent,
                    attempt + ": " + std::strerror(reason) + (advice.empty() ? "" : "; " + advice));
}

Fd make_socket(int family) {
  return Fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool bind_to(const Fd& fd, const void* address, std::size_t size) {
  return bind(fd.get(), static_cast<const sockaddr*>(address), static_cast<socklen_t>(size)) == 0;
}

bool bind_tcp(const Fd& fd, const core::Address& address, std::uint16_t port) {
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == core::Family::ipv4) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    std::ranges::copy(address.bytes(), reinterpret_cast<std::uint8_t*>(&name.sin_addr));
    return bind_to(fd, &name, sizeof name);
  }
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(port);
  std::ranges::copy(address.bytes(), reinterpret_cast<std::uint8_t*>(&name.sin6_addr));
  const int off = 0;
  setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  return bind_to(fd, &name, sizeof name);
}

sockaddr_un unix_name(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) fail("cannot use the socket " + path, ENAMETOOLONG);
  std::ranges::copy(path, name.sun_path);
  return name;
}

}  // namespace

Fd listen_tcp(const std::optional<core::Address>& address, std::uint16_t port,
              const std::string& advice) {
  core::Address wanted = address.value_or(*core::Address::parse("::"));
  Fd fd = make_socket(wanted.family() == core::Family::ipv4 ? AF_INET : AF_INET6);
  if (!fd && !address && errno == EAFNOSUPPORT) {
    wanted = core::Address();
    fd = make_socket(AF_INET);
  }
  const std::string attempt = "cannot listen on " +
                              (address ? to_string(wanted) : "all addresses") + ", TCP port " +
                              std::to_string(port);
  if (!fd || !bind_tcp(fd, wanted, port) || listen(fd.get(), backlog) != 0) {
    fail(attempt, errno, advice);
  }
  return fd;
}

std::optional<pid_t> listener_of(const std::string& path) {
  const Fd fd = make_socket(AF_UNIX);
  if (!fd) fail("cannot make a unix socket", errno);
  const sockaddr_un name = unix_name(path);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;
    if (errno != EAGAIN) fail("cannot connect to " + path, errno);  // EAGAIN: its backlog is full
    return 0;
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    fail("cannot learn who listens on " + path, errno);
  }
  return peer.pid;
}

Fd listen_unix(const std::string& path, const std::string& who, mode_t mode) {
  if (const auto pid = listener_of(path)) {
    throw core::Error(
        core::Error::Kind::permanent,
        who + " is running already: process " + std::to_string(*pid) + " listens on " + path);
  }
  const std::string attempt = "cannot listen on " + path;
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (!directory.empty()) make_directories(directory, error);
  if (error) fail("cannot make the directory " + directory.string(), error.value());
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      fail(attempt, EEXIST, "it is not a socket; --socket chooses another");
    if (unlink(path.c_str()) != 0) fail(attempt, errno);
  }

  Fd fd = make_socket(AF_UNIX);
  const sockaddr_un name = unix_name(path);
  // Set before anybody could connect.
  if (!fd || fchmod(fd.get(), mode) != 0 || !bind_to(fd, &name, sizeof name) ||
      chmod(path.c_str(), mode) != 0 || listen(fd.get(), backlog) != 0) {
    fail(attempt, errno);
  }
  return fd;
}

SocketFile::SocketFile(std::string path) : path_(std::move(path)) { known_ = identify(); }

SocketFile::~SocketFile() {
  if (known_ && identify() == known_) unlink(path_.c_str());
}

SocketFile::Identity SocketFile::identify() const {
  struct stat status {};
  if (stat(path_.c_str(), &status) != 0) return std::nullopt;
  return std::pair(status.st_dev, status.st_ino);
}

}  // namespace os
