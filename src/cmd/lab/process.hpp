// Processes of a lab: started inside a network namespace, remembered in a file by number and start
// time, ended through a pidfd. A process is never taken for another that got its number later.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "net/netns.hpp"

namespace cmd {

struct Process {
  pid_t pid = 0;
  unsigned long long started = 0;  // clock ticks since boot, field 22 of /proc/PID/stat

  friend bool operator==(const Process&, const Process&) = default;
};

std::string to_string(const Process& process);                  // "PID STARTED"
std::optional<Process> parse_process(const std::string& text);  // what to_string gave

struct ProcessStat {
  char state = 0;  // 'Z': dead, not yet waited for
  unsigned long long started = 0;
};
std::optional<ProcessStat> parse_stat(const std::string& text);  // proc(5), /proc/PID/stat

bool running(const Process& process);

struct Command {
  std::vector<std::string> arguments;  // of this program: {"pona", "edge", …}
  std::string log;                     // file that takes both outputs, appended
  bool outlives_us = false;            // else the kernel kills it when we die
};

// Runs this program's own executable. Call it from the main thread only: the kernel counts the
// death of the thread that forked.
Process start(const net::Namespace& where, const Command& command);

void send(const Process& process, int signal);

// Sends `signal`; kills after two seconds; returns when it is gone.
void end(const Process& process, int signal);

}  // namespace cmd
