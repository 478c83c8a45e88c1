#include "os/write_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.hpp"
#include "os/fd.hpp"

namespace os {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw core::Error(core::Error::Kind::permanent, what + ": " + std::strerror(errno));
}

// Gone again unless it was renamed.
class Temporary {
 public:
  // Hidden, so that nobody reads it as a manifest.
  explicit Temporary(const std::filesystem::path& beside)
      : path_((beside.parent_path() / ("." + beside.filename().string() + ".XXXXXX")).string()),
        fd_(mkostemp(path_.data(), O_CLOEXEC)) {
    if (fd_.get() < 0) {
      path_.clear();
      fail("cannot write into " + beside.parent_path().string());
    }
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) unlink(path_.c_str());
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  void rename_to(const std::filesystem::path& path) {
    if (rename(path_.c_str(), path.c_str()) != 0) fail("cannot replace " + path.string());
    path_.clear();
  }

 private:
  std::string path_;
  Fd fd_;
};

}  // namespace

void write_file(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  // A link stays a link: the file behind it is replaced.
  std::error_code missing;
  const auto target = std::filesystem::canonical(path, missing);
  const std::filesystem::path real = missing ? path : target;
  Temporary temporary(real);
  struct stat old {};
  if (stat(real.c_str(), &old) == 0) {
    if (fchmod(temporary.fd(), old.st_mode & 07777) != 0 ||
        (fchown(temporary.fd(), old.st_uid, old.st_gid) != 0 && errno != EPERM)) {
      fail("cannot give the new " + path.string() + " the old one's mode and owner");
    }
  } else if (fchmod(temporary.fd(), mode) != 0) {
    fail("cannot set the mode of " + path.string());
  }
  while (!text.empty()) {
    const ssize_t size = write(temporary.fd(), text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) fail("cannot write " + path.string());
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  if (fsync(temporary.fd()) != 0) fail("cannot write " + path.string());
  temporary.rename_to(real);
  sync_directory(real.parent_path());
}

void sync_directory(const std::filesystem::path& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot do it, and the file itself is safe by now.
  if (fd.get() >= 0) static_cast<void>(fsync(fd.get()));
}

}  // namespace os
