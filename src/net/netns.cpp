#include "net/netns.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <thread>

#include "core/error.hpp"
#include "core/privilege.hpp"

namespace net {
namespace {

[[noreturn]] void fail(const std::string& what, int error) {
  const std::string message = what + ": " + std::strerror(error);
  if (error == EPERM || error == EACCES) {
    throw core::NoPrivilege(message + " (this needs root: CAP_SYS_ADMIN and CAP_NET_ADMIN)");
  }
  const bool passing = error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR;
  throw core::Error(passing ? core::Error::Kind::transient : core::Error::Kind::permanent, message);
}

void in_thread(const std::function<void()>& work) {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

void loopback_up() {
  const os::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (!fd || ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) fail("cannot set lo up", errno);
}

}  // namespace

Namespace Namespace::create(const std::string& path) {
  const os::Fd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file) fail("cannot create " + path, errno);
  try {
    in_thread([&] {
      if (unshare(CLONE_NEWNET) != 0) fail("cannot make a network namespace", errno);
      loopback_up();
      if (mount("/proc/thread-self/ns/net", path.c_str(), "none", MS_BIND, nullptr) != 0) {
        fail("cannot mount a network namespace at " + path, errno);
      }
    });
    return open(path);
  } catch (...) {
    remove(path);
    throw;
  }
}

Namespace Namespace::open(const std::string& path) {
  os::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) fail("cannot open the network namespace " + path, errno);
  return {path, std::move(fd)};
}

std::optional<Namespace> Namespace::find(const std::string& path) {
  struct statfs system {};
  const int error = ::statfs(path.c_str(), &system) == 0 ? 0 : errno;
  if (error == ENOENT || error == ENOTDIR) return std::nullopt;
  if (error != 0) fail("cannot look at the network namespace " + path, error);
  if (system.f_type != NSFS_MAGIC) return std::nullopt;
  return open(path);
}

void Namespace::remove(const std::string& path) {
  umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) fail("cannot remove " + path, errno);
}

void Namespace::enter() const {
  // Who is there already needs no right to get there.
  struct stat wanted {
  }, here{};
  if (fstat(fd_.get(), &wanted) == 0 && ::stat("/proc/thread-self/ns/net", &here) == 0 &&
      wanted.st_dev == here.st_dev && wanted.st_ino == here.st_ino) {
    return;
  }
  if (setns(fd_.get(), CLONE_NEWNET) != 0) fail("cannot enter " + path_, errno);
}

void Namespace::run(const std::function<void()>& work) const {
  in_thread([&] {
    enter();
    work();
  });
}

os::Fd Namespace::socket(int domain, int type, int protocol) const {
  os::Fd fd;
  run([&] {
    fd = os::Fd(::socket(domain, type | SOCK_CLOEXEC, protocol));
    if (!fd) fail("cannot open a socket in " + path_, errno);
  });
  return fd;
}

}  // namespace net
