// Health, metrics and status by HTTP, in a thread of its own, so that they answer while the loop
// works and tell when it hangs. Reads the board only, never the plan or the kernel.
#pragma once

#include <memory>
#include <vector>

#include "cmd/edge/edge_board.hpp"
#include "os/fd.hpp"

namespace cmd {

class EdgeMonitor {
 public:
  // Serves on listening, non-blocking sockets until destroyed. The board must outlive it. Block the
  // process' signals before: the thread handles none.
  EdgeMonitor(EdgeBoard& board, const std::vector<os::Fd>& listeners);
  EdgeMonitor(const EdgeMonitor&) = delete;
  EdgeMonitor& operator=(const EdgeMonitor&) = delete;
  ~EdgeMonitor();

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace cmd
