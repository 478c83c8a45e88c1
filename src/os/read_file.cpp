#include "os/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.hpp"
#include "os/fd.hpp"

namespace os {
namespace {

constexpr off_t max_size = off_t{256} << 20;

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const auto fail = [&](const std::string& why) {
    throw core::Error(core::Error::Kind::transient, "cannot be read: " + why);
  };
  // Not to wait for a writer where somebody put a named pipe.
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0) fail(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail("it is not a regular file");
  if (status.st_size > max_size) fail("it has more than 256 MiB, split it");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t used = 0;
  for (;;) {
    if (used == text.size()) text.resize(used + 4096);  // it grew; or to see the end
    const ssize_t size = read(fd.get(), text.data() + used, text.size() - used);
    if (size < 0 && errno != EINTR) fail(std::strerror(errno));
    if (size == 0) break;
    if (size > 0) used += static_cast<std::size_t>(size);
  }
  text.resize(used);
  return text;
}

}  // namespace os
