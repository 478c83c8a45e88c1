#include "cmd/lab/user_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/error.hpp"
#include "os/fd.hpp"

namespace cmd {
namespace {

[[noreturn]] void refuse(int error) {
  throw core::Error(core::Error::Kind::permanent, no_user_namespace(error));
}

void write_whole(const char* path, std::string_view text) {
  const os::Fd file(open(path, O_WRONLY | O_CLOEXEC));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    refuse(errno);
  }
}

}  // namespace

std::string no_user_namespace(int error) {
  return std::string(
             "the lab needs root, or user namespaces that every user may make, and these "
             "fail here: ") +
         std::strerror(error) +
         "; try sudo, or allow them (sysctl kernel.unprivileged_userns_clone=1, "
         "user.max_user_namespaces above 0, kernel.apparmor_restrict_unprivileged_userns=0)";
}

void enter_user_namespace() {
  const std::string user = std::to_string(geteuid()), group = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) refuse(errno);
  // The kernel wants it before a user without privilege names groups.
  write_whole("/proc/self/setgroups", "deny");
  write_whole("/proc/self/uid_map", "0 " + user + " 1");
  write_whole("/proc/self/gid_map", "0 " + group + " 1");
  // Labs bind their namespaces to files, which the host is not to see, and keep links in
  // /run/netns.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("pona-lab", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0) {
    refuse(errno);
  }
}

}  // namespace cmd
