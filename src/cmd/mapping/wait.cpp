#include "cmd/mapping/wait.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <thread>

#include "cmd/mapping/status_words.hpp"
#include "cmd/print.hpp"
#include "core/error.hpp"
#include "core/printable.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;
using core::Error;

constexpr auto look_again = 1s;
constexpr auto turn = 100ms;

// One line on standard error that changes in place on a terminal; elsewhere it is said once.
class Spinner {
 public:
  explicit Spinner(const std::string& what) : what_(what) {
    const char* const term = std::getenv("TERM");
    moves_ = isatty(STDERR_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr && term != nullptr &&
             std::string_view(term) != "dumb";
    if (!moves_) print_line(std::cerr, "waiting for " + what_);
  }
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;
  ~Spinner() {
    if (moves_) std::cerr << "\r\033[K" << std::flush;
  }

  void show(const std::string& reason) {
    static constexpr std::array frames = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    if (!moves_) return;
    // Cut, as a line that wraps could not be written over.
    constexpr std::size_t longest = 76;
    const std::string text =
        core::printable(what_ + (reason.empty() ? "" : ": " + reason), longest);
    std::cerr << '\r' << frames.at(frame_++ % frames.size()) << ' ' << text << "\033[K"
              << std::flush;
  }

 private:
  std::string what_;
  bool moves_ = false;
  std::size_t frame_ = 0;
};

}  // namespace

std::string wait_until_programmed(kube::MappingStore& store, const core::ObjectName& name,
                                  std::chrono::seconds limit) {
  const std::string mapping = "mapping " + core::to_string(name);
  const auto fail = [&](const std::string& why) {
    return Error(Error::Kind::permanent, mapping + " " + why);
  };
  Spinner spinner("an edge to carry " + mapping);
  const auto give_up = std::chrono::steady_clock::now() + limit;
  std::string reason;
  for (;;) {
    try {
      const kube::StoredObjects found = store.find(name);
      if (found.left_out.contains(name)) throw fail("was changed, and has mistakes now");
      if (found.mappings.empty()) throw fail("was removed by somebody else");
      const MappingState state = state_of(*found.mappings.front().live);
      if (state.phase == MappingState::Phase::programmed) return state.reason;
      if (state.phase == MappingState::Phase::rejected) throw fail("is rejected: " + state.reason);
      reason = state.reason;
    } catch (const Error& error) {
      if (error.kind() != Error::Kind::transient) throw;
      reason = error.what();  // a server may be away for a moment
    }
    const auto next = std::min(std::chrono::steady_clock::now() + look_again, give_up);
    while (std::chrono::steady_clock::now() < next) {
      spinner.show(reason);
      std::this_thread::sleep_for(turn);
    }
    if (std::chrono::steady_clock::now() >= give_up) {
      throw fail("is there, but not carried after " + std::to_string(limit.count()) +
                 " s: " + reason);
    }
  }
}

}  // namespace cmd
