// The agent's unix socket: one request of one line of JSON for each connection, and one line back.
// Never blocks; who is slow or says nothing is cut off.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "os/acceptor.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

namespace cmd {

class AgentServer {
 public:
  // Answers with one line; may be called later, or never.
  using Reply = std::function<void(const std::string& line)>;
  using Handle = std::function<void(std::string_view line, Reply reply)>;

  // `listener` is a listening, non-blocking socket.
  AgentServer(os::Fd listener, Handle handle, os::Clock clock);

  // To be polled, and then given back.
  void add_to(std::vector<pollfd>& fds) const;
  void take(const std::vector<pollfd>& fds);
  // When both are to be done again, even if nothing is readable.
  [[nodiscard]] os::Time due() const;

 private:
  struct Connection {
    os::Fd fd;
    std::string line;
    bool asked = false;  // the line was whole: an answer is owed
    os::Time until{};    // of the question
  };

  void accept_all();
  void read_from(int number);

  [[nodiscard]] bool full() const;

  os::Acceptor listener_;
  Handle handle_;
  os::Clock clock_;
  std::map<int, Connection> connections_;  // by a number that is never given twice
  int last_ = 0;
};

}  // namespace cmd
