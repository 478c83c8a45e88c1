// Whether the connection table of this network namespace is nearly full: what comes then is dropped
// by the kernel, without a word.
#pragma once

#include <cstdint>
#include <string>

#include "net/kernel.hpp"
#include "os/clock.hpp"

namespace cmd {

class ConntrackWatch {
 public:
  // Looks if it is time to. An error of reading changes nothing: others tell of it.
  void look(net::Kernel& kernel, os::Time now);
  [[nodiscard]] os::Time due() const { return due_; }
  // Connections that were tracked at the last look.
  [[nodiscard]] std::uint64_t entries() const { return entries_; }

  // For operators; empty while there is room. From 90 % on, until it is below 80 %.
  [[nodiscard]] const std::string& warning() const { return warning_; }

 private:
  os::Time due_{};
  std::uint64_t entries_ = 0;
  std::string warning_;
};

}  // namespace cmd
