// Where the HTTP thread orders pages of the daemon's loop, the loop leaves what it read for them,
// and a thread of its own makes the texts. Knows neither requests nor sockets.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cmd/serve/http_server.hpp"
#include "os/bell.hpp"

namespace cmd {

class HttpDesk {
 public:
  struct Made {
    HttpAnswer answer;
    std::uint64_t order = 0;  // the last that was given before it was read
  };

  explicit HttpDesk(std::size_t pages) : slots_(pages) {}

  // The HTTP thread's side. Orders are numbered, over all pages.
  std::uint64_t order(std::size_t page);
  // Of a page that is asked: `what` of it. What the loop answers is told under this number.
  std::uint64_t ask(std::size_t page, std::string what);
  std::vector<Made> take_told();
  // Nobody waits for it any more.
  void cancel(std::size_t page);
  // Readable after something was made.
  [[nodiscard]] int made_fd() const { return made_.fd(); }
  void silence() { made_.silence(); }
  std::optional<Made> take(std::size_t page);

  // The side of the thread that makes texts: until it is told to stop. What is read again while a
  // text is made of it is made again.
  void make(const std::stop_token& stop);

  // The loop's side. Readable after an order.
  [[nodiscard]] int wanted_fd() const { return wanted_.fd(); }
  void read_wanted(const std::vector<HttpPage>& pages);

 private:
  struct Reading {
    HttpPage::Make text;
    std::uint64_t order = 0;
  };
  struct Slot {
    bool wanted = false;
    std::optional<Reading> reading;
    std::optional<Made> made;
  };

  struct Question {
    std::size_t page = 0;
    std::string what;
    std::uint64_t order = 0;
  };
  void tell(std::uint64_t order, HttpAnswer answer);

  os::Bell wanted_;
  os::Bell made_;
  std::mutex mutex_;
  std::condition_variable_any read_;
  std::uint64_t orders_ = 0;
  std::vector<Slot> slots_;
  std::vector<Question> questions_;
  std::vector<Made> told_;
};

}  // namespace cmd
