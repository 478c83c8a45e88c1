#include "os/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.hpp"
#include "os/fd.hpp"
#include "os/read_small_file.hpp"

namespace os {
namespace {

constexpr std::size_t max_size = std::size_t{256} << 20;

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  return read_file_of_at_most(max_size, path);
}

std::string read_file_of_at_most(std::size_t most, const std::filesystem::path& path) {
  const auto fail = [&](const std::string& why) {
    throw core::Error(core::Error::Kind::transient, "cannot be read: " + why);
  };
  // Not to wait for a writer where somebody put a named pipe.
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0) fail(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail("it is not a regular file");
  const auto check = [&](std::size_t size) {
    if (size <= most) return;
    fail("it has more than " +
         (most == max_size ? "256 MiB, split it" : std::to_string(most) + " bytes"));
  };
  check(static_cast<std::size_t>(status.st_size));
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t used = 0;
  for (;;) {
    if (used == text.size()) text.resize(used + 4096);  // it grew; or to see the end
    const ssize_t size = read(fd.get(), text.data() + used, text.size() - used);
    if (size < 0 && errno != EINTR) fail(std::strerror(errno));
    if (size == 0) break;
    if (size > 0) used += static_cast<std::size_t>(size);
    check(used);  // it may grow for ever
  }
  text.resize(used);
  return text;
}

}  // namespace os
