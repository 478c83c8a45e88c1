// Another program run to its end, with a limit of time. Nothing is asked on its standard input.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace os {

struct ProcessResult {
  enum class End { exited, killed, timed_out, abandoned };
  End end = End::exited;
  int status = 0;      // exit status, or the signal's number
  std::string output;  // what it wrote
  std::string errors;  // the end of what it complained
};

struct ProcessRequest {
  std::vector<std::string> arguments;    // the first is the program, looked for in PATH
  std::vector<std::string> environment;  // NAME=value, all of it
  std::chrono::milliseconds limit{};
  int abandon_fd = -1;  // readable: somebody wants to stop, it is killed; -1: none
};

// Throws core::Error when it cannot be started; `kind` permanent: there is no such program. Kills
// the program with all that it started in its process group when it takes too long.
ProcessResult run_process(const ProcessRequest& request);

}  // namespace os
