// What `pona edge` does, one function for each of its commands; edge.cpp reads the command line.
// All return the exit status and throw core::Error for what broke.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "cmd/edge/options/options.hpp"
#include "cmd/edge/status/filter.hpp"

namespace cmd {

// Serves until SIGTERM or SIGINT; the data plane stays.
int run_edge(const ResolvedOptions& options);

// Prints the effective options with their origins and what is wrong with the manifests.
int check_edge(const ResolvedOptions& options);

// Prints what a start would change in the kernel, beside a running instance too.
int preview_edge(const ResolvedOptions& options);

struct EdgeShow {
  std::string socket;
  std::string format;  // "": to fit the terminal; wide, json
  StatusFilter filter;
  std::optional<std::chrono::milliseconds> watch;  // again and again, this far apart
};

// Of the process that listens on the socket, else of the kernel. With `watch` until a signal comes.
int show_edge(const EdgeShow& show);

struct EdgeCleanup {
  std::string socket;
  bool dry_run = false;
  std::filesystem::path saved;  // file of saved objects; empty: not known
  bool remove_saved = false;
};

// Takes everything of the edge's out of the kernel; refuses while an instance runs.
int clean_edge(const EdgeCleanup& cleanup);

}  // namespace cmd
