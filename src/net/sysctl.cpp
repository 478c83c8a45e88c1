#include "net/sysctl.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "core/error.hpp"
#include "net/netlink/netlink.hpp"
#include "os/fd.hpp"

namespace net {
namespace {

os::Fd open_key(std::string_view key, int mode, const std::string& root = "/proc/sys/") {
  return os::Fd(open((root + std::string(key)).c_str(), mode | O_CLOEXEC));
}

// In a container /proc/sys is read-only, whatever its capabilities: its manifest may mount the
// host's beside it. Network parameters are those of the caller's namespace by either path.
os::Fd open_for_writing(std::string_view key) {
  os::Fd file = open_key(key, O_WRONLY);
  if (file || errno != EROFS) return file;
  os::Fd beside = open_key(key, O_WRONLY, "/host/proc/sys/");
  if (!beside) errno = EROFS;
  return beside;
}

[[noreturn]] void fail(std::string_view verb, std::string_view key, int error) {
  std::string message = "cannot " + std::string(verb) + " /proc/sys/" + std::string(key) + ": " +
                        std::strerror(error);
  if (error == EROFS || error == EACCES || error == EPERM) {
    message +=
        "; run with CAP_NET_ADMIN and a writable /proc/sys, or in a container with the host's "
        "/proc/sys/net at /host/proc/sys/net";
  }
  throw core::Error(error == ENOENT ? core::Error::Kind::transient : core::Error::Kind::permanent,
                    message);
}

std::string normalized(std::string_view raw) {
  std::string value;
  bool gap = false;
  for (const char c : raw) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      gap = !value.empty();
      continue;
    }
    if (gap) value += ' ';
    gap = false;
    value += c;
  }
  return value;
}

}  // namespace

std::optional<std::string> read_sysctl(std::string_view key) {
  const os::Fd file = open_key(key, O_RDONLY);
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file) fail("open", key, errno);
  std::array<char, 4096> buffer;  // a page, as no value of the kernel is larger
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) fail("read", key, errno);
  return normalized({buffer.data(), static_cast<std::size_t>(size)});
}

void write_sysctl(std::string_view key, std::string_view value) {
  fault_point();
  const os::Fd file = open_for_writing(key);
  if (!file) fail("open", key, errno);
  if (::write(file.get(), value.data(), value.size()) < 0) {
    fail("write \"" + std::string(value) + "\" to", key, errno);
  }
}

}  // namespace net
