// A network namespace for one test: made for a thread, gone with it. Where the tests may not make
// one, they say so and leave out what needs it.
#pragma once

#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <thread>

#include <sched.h>

#include "support/catch.hpp"

namespace net::test {

// Runs `work` in a thread with a namespace of its own. Returns false where that is not permitted.
inline bool in_namespace(const std::function<void()>& work) {
  bool entered = false;
  std::exception_ptr failure;
  std::thread([&] {
    entered = unshare(CLONE_NEWNET) == 0;
    if (!entered) return;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  if (!entered) WARN("left out: making network namespaces needs root");
  return entered;
}

inline void shell(const std::string& commands) {
  INFO(commands);
  REQUIRE(std::system(("set -e; " + commands).c_str()) == 0);
}

}  // namespace net::test
