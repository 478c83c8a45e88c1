#include "os/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "core/error.hpp"
#include "os/fd.hpp"

namespace os {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t most_output = std::size_t{1} << 20;
constexpr std::size_t most_errors = 4096;

struct ActionsDeleter {
  void operator()(posix_spawn_file_actions_t* actions) const {
    posix_spawn_file_actions_destroy(actions);
    delete actions;
  }
};
using Actions = std::unique_ptr<posix_spawn_file_actions_t, ActionsDeleter>;

struct AttributesDeleter {
  void operator()(posix_spawnattr_t* attributes) const {
    posix_spawnattr_destroy(attributes);
    delete attributes;
  }
};
using Attributes = std::unique_ptr<posix_spawnattr_t, AttributesDeleter>;

[[noreturn]] void fail_to_run(const std::string& program, int reason) {
  const bool missing = reason == ENOENT || reason == EACCES || reason == ENOEXEC;
  throw core::Error(missing ? core::Error::Kind::permanent : core::Error::Kind::transient,
                    "cannot run " + program + ": " + std::strerror(reason));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

struct Pipe {
  Fd read;
  Fd write;
};

Pipe open_pipe(const std::string& program) {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) fail_to_run(program, errno);
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return {Fd(fds[0]), Fd(fds[1])};
}

pid_t spawn(const ProcessRequest& request, int output, int errors) {
  const std::string& program = request.arguments.front();
  const Actions actions(new posix_spawn_file_actions_t);
  posix_spawn_file_actions_init(actions.get());
  posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), output, 1);
  posix_spawn_file_actions_adddup2(actions.get(), errors, 2);
  // Nothing else of ours: libraries open descriptors that they do not mark.
  posix_spawn_file_actions_addclosefrom_np(actions.get(), 3);
  // The signals that this process blocks or ignores are meant for itself.
  const Attributes attributes(new posix_spawnattr_t);
  posix_spawnattr_init(attributes.get());
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(attributes.get(), &none);
  posix_spawnattr_setsigdefault(attributes.get(), &all);
  posix_spawnattr_setpgroup(attributes.get(), 0);
  posix_spawnattr_setflags(attributes.get(),
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const auto arguments = pointers(request.arguments);
  const auto environment = pointers(request.environment);
  const int error = posix_spawnp(&pid, program.c_str(), actions.get(), attributes.get(),
                                 arguments.data(), environment.data());
  if (error != 0) fail_to_run(program, error);
  return pid;
}

// Appends what there is. False: its end was reached.
bool drain(int fd, std::string& text) {
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = read(fd, buffer.data(), buffer.size());
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    if (text.size() <= most_output) text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

ProcessResult run_process(const ProcessRequest& request) {
  const std::string& program = request.arguments.front();
  Pipe output = open_pipe(program);
  Pipe errors = open_pipe(program);
  const pid_t pid = spawn(request, output.write.get(), errors.write.get());
  output.write = Fd();
  errors.write = Fd();
  // Not by glibc's function, which C++ cannot link in all versions.
  const Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const auto deadline = Steady::now() + request.limit;
  ProcessResult result;
  std::array<pollfd, 4> fds = {
      pollfd{process.get(), POLLIN, 0}, pollfd{request.abandon_fd, POLLIN, 0},
      pollfd{output.read.get(), POLLIN, 0}, pollfd{errors.read.get(), POLLIN, 0}};
  // Its end counts, not the pipes': what it left behind in the background may hold them.
  bool running = true;
  while (running) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now());
    // Without a descriptor for the process (an old kernel) it is asked every now and then.
    const auto wait = process.get() < 0 ? std::min(left, std::chrono::milliseconds(20)) : left;
    if (left.count() <= 0) {
      result.end = ProcessResult::End::timed_out;
      break;
    }
    poll(fds.data(), fds.size(), static_cast<int>(wait.count()));
    if (fds[1].revents != 0) {
      result.end = ProcessResult::End::abandoned;
      break;
    }
    if (!drain(output.read.get(), result.output)) fds[2].fd = -1;
    if (!drain(errors.read.get(), result.errors)) fds[3].fd = -1;
    if (result.errors.size() > 2 * most_errors) {
      result.errors.erase(0, result.errors.size() - most_errors);
    }
    siginfo_t info{};
    const int asked = waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    running = asked == 0 && info.si_pid == 0;
  }
  if (running) kill(-pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  drain(output.read.get(), result.output);
  drain(errors.read.get(), result.errors);
  if (result.errors.size() > most_errors) {
    result.errors.erase(0, result.errors.size() - most_errors);
  }
  if (!running && WIFSIGNALED(status)) result.end = ProcessResult::End::killed;
  result.status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace os
