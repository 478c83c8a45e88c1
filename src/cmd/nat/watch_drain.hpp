// How much traffic of clients there still is, for a NAT pod that drains: counted again and again in
// a thread of its own, because conntrack may hold a million entries, and clients still come and go.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cmd/nat/known_clients.hpp"
#include "os/bell.hpp"

namespace cmd {

class DrainWatch {
 public:
  struct Traffic {
    std::size_t open = 0;       // connections of clients that are neither closed nor closing
    std::uint64_t packets = 0;  // of clients, since the NAT pod's start
    std::string error;          // why it cannot be told; empty: it could
  };

  // `known` must outlive it.
  DrainWatch(std::vector<core::Family> families, LatestClients& known);

  // Readable when a look is over.
  [[nodiscard]] int fd() const { return bell_.fd(); }
  void silence() { bell_.silence(); }
  // What the last look found, once.
  std::optional<Traffic> take();

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] Traffic look() const;

  std::vector<core::Family> families_;
  LatestClients& known_;
  os::Bell bell_;
  std::mutex mutex_;
  std::optional<Traffic> found_;
  std::jthread thread_;
};

}  // namespace cmd
