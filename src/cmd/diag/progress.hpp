// What takes long is said on a terminal, and taken away again.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <string>
#include <string_view>

#include "cmd/print.hpp"

namespace cmd {

class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }
  void say(std::string_view what) {
    if (!terminal_ || std::chrono::steady_clock::now() - begun_ < std::chrono::seconds(1)) return;
    clear();
    const std::string text = "looking at " + std::string(what) + " ...";
    std::cerr << '\r' << std::flush;
    print_lines(std::cerr, text);
    std::cerr << std::flush;
    width_ = text.size();
  }
  void clear() {
    if (width_ == 0) return;
    std::cerr << '\r' << std::flush;
    print_lines(std::cerr, std::string(width_, ' '));
    std::cerr << '\r' << std::flush;
    width_ = 0;
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  std::size_t width_ = 0;
};

}  // namespace cmd
