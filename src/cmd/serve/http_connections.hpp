// Connections of an HTTP server: who may have one, for how long, and what came and goes on them.
// One request each. Knows no page. Nobody can hold what others need: who says or takes nothing is
// cut off after a while, and where there are too many, the one that did nothing for longest makes
// room for the newest, so that whoever asks without delay is always heard.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cmd/serve/http_request.hpp"
#include "cmd/serve/http_server.hpp"
#include "os/acceptor.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

namespace cmd {

class HttpConnections {
 public:
  using Id = std::uint64_t;  // never given twice
  using Answer = std::shared_ptr<const HttpAnswer>;
  // An answer is owed, now or later.
  using Asked = std::function<void(Id, const HttpRequest&)>;
  // It asked, and left before its answer came.
  using Left = std::function<void(Id)>;

  HttpConnections(std::vector<os::Fd> listeners, const HttpLimits& limits, os::Clock clock,
                  Asked asked, Left left);

  // To be polled, and then given back.
  void add_to(std::vector<pollfd>& fds);
  void take(std::span<const pollfd> fds);
  // When take() is to be called, even if nothing is readable.
  [[nodiscard]] os::Time due() const;

  // Of a connection that asked; negative if it left.
  [[nodiscard]] int fd(Id id) const;
  // Nothing happens if it left.
  void answer(Id id, Answer answer);

  [[nodiscard]] std::size_t size() const { return connections_.size(); }
  // That were closed because they were slow, or too many.
  [[nodiscard]] std::uint64_t cut_off() const { return cut_off_; }

 private:
  enum class State : std::uint8_t { leaving, reading, waiting, writing };
  struct Connection {
    os::Fd fd;
    std::size_t listener = 0;
    State state = State::reading;
    std::string head;                // of the request, as it comes; then of the answer
    std::optional<std::size_t> end;  // of the request's head, once it is whole
    Answer answer;
    bool head_only = false;
    bool gzip = false;     // it takes compressed answers
    std::size_t sent = 0;  // of head and body

    [[nodiscard]] bool compressed() const { return gzip && !answer->gzip.empty(); }
    os::Time since{};  // it has said or taken nothing
    os::Time until{};  // then it is cut off
    os::Time over{};   // and then in any case, while it takes its answer
  };
  using Place = std::map<Id, Connection>::iterator;

  void accept_from(std::size_t listener);
  void add(os::Fd fd, std::size_t listener);
  // Which of two makes room for others.
  static bool slower(const Connection& left, const Connection& right);
  // True: one was closed; of this listener, or of any.
  bool make_room(const std::size_t* listener);
  void limit_answers();
  void serve(Id id);
  bool read_from(Connection& connection);  // false: it is over
  bool write_to(Connection& connection);
  bool drain(Connection& connection);
  void close(Place place);
  void cut(Place place);

  std::vector<os::Acceptor> listeners_;
  std::vector<bool> local_;          // unix sockets, by listener
  std::vector<std::size_t> counts_;  // of connections, by listener
  HttpLimits limits_;
  os::Clock clock_;
  Asked asked_;
  Left left_;
  std::map<Id, Connection> connections_;  // the oldest first
  std::vector<Id> polled_;
  Id last_ = 0;
  int highest_fd_ = 0;
  std::uint64_t cut_off_ = 0;
};

}  // namespace cmd
