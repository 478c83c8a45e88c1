// A command in a container, through the API server's pods/exec, with the caller's own rights. Waits
// until it ends. Several may run at once, each in a thread of its own.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api/credentials.hpp"

namespace kube {

struct PodCommand {
  std::string ns;
  std::string pod;
  std::string container;
  std::vector<std::string> words;
  std::chrono::milliseconds limit{};
  // Once it is readable the command gets a line on its standard input; -1: it has none.
  int end_fd = -1;
  // What it says on its standard error, as it comes.
  std::function<void(std::string_view)> hear = [](std::string_view) {};
};

struct PodCommandResult {
  int status = 0;
  std::string output;
  std::string errors;  // the end of them
};

// Throws core::Error where it could not be run to its end: what is missing says what to do.
PodCommandResult run_in_pod(const ClientConfig& config, const Credential& credential,
                            const std::string& user_agent, const PodCommand& command);

}  // namespace kube
