// What happened, in order: printed if wanted, and as a hash, by which two runs of one seed are
// compared.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "sim/chance.hpp"

namespace sim {

class Trace {
 public:
  explicit Trace(bool print) : print_(print) {}

  void say(Time now, std::string_view who, std::string_view what) {
    add(std::to_string(now.count()));
    add(who);
    add(what);
    if (!print_) return;
    std::printf("%12.6f %.*s: %.*s\n", static_cast<double>(now.count()) / 1e6,
                static_cast<int>(who.size()), who.data(), static_cast<int>(what.size()),
                what.data());
  }
  // What is not worth a line.
  void add(std::string_view text) {
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }

  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  bool print_;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}  // namespace sim
