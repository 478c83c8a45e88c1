// Where the HTTP thread orders pages of the daemon's loop and the loop leaves what it read for
// them. Knows neither requests nor sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "cmd/serve/http_server.hpp"
#include "os/bell.hpp"

namespace cmd {

class HttpDesk {
 public:
  struct Reading {
    HttpPage::Make text;
    std::uint64_t order = 0;  // the last that was given before it was begun
  };

  explicit HttpDesk(std::size_t pages) : slots_(pages) {}

  // The HTTP thread's side. Orders are numbered, over all pages.
  std::uint64_t order(std::size_t page);
  // Nobody waits for it any more.
  void cancel(std::size_t page);
  // Readable after something was read.
  [[nodiscard]] int read_fd() const { return read_.fd(); }
  void silence() { read_.silence(); }
  std::optional<Reading> take(std::size_t page);

  // The loop's side. Readable after an order.
  [[nodiscard]] int wanted_fd() const { return wanted_.fd(); }
  void read_wanted(const std::vector<HttpPage>& pages);

 private:
  struct Slot {
    bool wanted = false;
    std::optional<Reading> reading;
  };

  os::Bell wanted_;
  os::Bell read_;
  std::mutex mutex_;
  std::uint64_t orders_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace cmd
