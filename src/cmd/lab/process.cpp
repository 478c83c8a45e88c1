#include "cmd/lab/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "core/error.hpp"

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgot to say that these are C
}

extern char** environ;

namespace cmd {
namespace {

std::optional<ProcessStat> stat_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  return parse_stat(std::string(std::istreambuf_iterator<char>(file), {}));
}

// The lab shows what it says and nothing that the caller's shell adds to it.
std::vector<char*> clean_environment() {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("PONA_") && !text.starts_with("SNCTRLR_")) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

[[noreturn]] void become(const net::Namespace& where, const Command& command, int log, pid_t parent,
                         char* const* arguments, char* const* environment) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  setsid();  // Ctrl-C at the terminal is for us, who end it in order
  if (!command.outlives_us && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)) {
    _exit(126);
  }
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (setns(where.fd(), CLONE_NEWNET) == 0 && dup2(nothing, 0) == 0 && dup2(log, 1) == 1 &&
      dup2(log, 2) == 2) {
    execve("/proc/self/exe", arguments, environment);
  }
  _exit(127);
}

}  // namespace

std::string to_string(const Process& process) {
  return std::to_string(process.pid) + ' ' + std::to_string(process.started);
}

std::optional<Process> parse_process(const std::string& text) {
  std::istringstream in(text);
  Process process;
  if (in >> process.pid >> process.started && process.pid > 1) return process;
  return {};
}

std::optional<ProcessStat> parse_stat(const std::string& text) {
  // The second field, the command in parentheses, may hold blanks and parentheses itself.
  const std::size_t command_end = text.rfind(')');
  if (command_end == std::string::npos) return {};
  std::istringstream rest(text.substr(command_end + 1));
  ProcessStat stat;
  std::string skipped;
  rest >> stat.state;
  for (int field = 4; field < 22; ++field) rest >> skipped;
  if (rest >> stat.started) return stat;
  return {};
}

bool running(const Process& process) {
  const auto stat = stat_of(process.pid);
  return stat && stat->started == process.started && stat->state != 'Z';
}

Process start(const net::Namespace& where, const Command& command) {
  const os::Fd log(open(command.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log) {
    throw core::Error(core::Error::Kind::permanent,
                      "cannot write " + command.log + ": " + std::strerror(errno));
  }
  std::vector<std::string> arguments = command.arguments;
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const std::vector<char*> environment = clean_environment();

  const pid_t us = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(where, command, log.get(), us, pointers.data(), environment.data());
  const auto stat = pid > 0 ? stat_of(pid) : std::nullopt;
  if (!stat) {
    throw core::Error(core::Error::Kind::transient,
                      "cannot start pona " + command.arguments.at(1) + ": " + std::strerror(errno));
  }
  return {pid, stat->started};
}

void send(const Process& process, int signal) {
  const os::Fd pidfd(pidfd_open(process.pid, 0));
  if (pidfd && running(process)) pidfd_send_signal(pidfd.get(), signal, nullptr, 0);
}

void end(const Process& process, int signal) {
  const os::Fd pidfd(pidfd_open(process.pid, 0));
  // Looked at after the pidfd was opened: what it names now it names for ever.
  if (pidfd && running(process)) {
    pollfd gone{pidfd.get(), POLLIN, 0};
    pidfd_send_signal(pidfd.get(), signal, nullptr, 0);
    constexpr int patience_ms = 2000;
    if (poll(&gone, 1, patience_ms) == 0) {
      pidfd_send_signal(pidfd.get(), SIGKILL, nullptr, 0);
      poll(&gone, 1, patience_ms);
    }
  }
  waitpid(process.pid, nullptr, WNOHANG);  // ours to bury only if we started it
}

}  // namespace cmd
