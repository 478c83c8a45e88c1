// A Kubernetes API server for tests, as a value: a request goes in, a response or a watch stream
// comes out. No sockets, no threads, no clock of its own: the HTTPS front (front/) or a simulation
// holds it and decides when time passes. Whoever holds it calls it from one thread, and keeps it
// longer than the streams that it gave out.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/apiserver/fault.hpp"

namespace support::apiserver {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

struct Request {
  std::string method;
  std::string target;                          // "/api/v1/pods?limit=3"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// How the bytes travel, where a fault says otherwise; whoever carries them obeys.
struct Delivery {
  std::optional<std::size_t> drop_after;   // bytes of the body, then the connection breaks
  std::optional<std::size_t> stall_after;  // bytes of the body, then nothing more comes
  std::optional<std::size_t> bytes_per_second;
  std::string garbage;  // sent instead of an answer, as it is

  friend bool operator==(const Delivery&, const Delivery&) = default;
};

// A watch. Lines of JSON as they become due.
class Stream {
 public:
  struct Piece {
    std::string bytes;
    bool ended = false;    // as the server ends a watch: after the bytes
    bool dropped = false;  // the connection breaks, after the bytes
  };

  virtual ~Stream() = default;
  virtual Piece read() = 0;
  // When read() has something to say even if nobody writes: a bookmark, the time-out.
  [[nodiscard]] virtual Time due() const = 0;
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::shared_ptr<Stream> stream;  // where there is one, it is the body
  Delivery delivery;
};

struct State;

class Server {
 public:
  struct Options {
    std::function<Time()> clock;
    std::uint64_t seed = 0;
    std::string address = "127.0.0.1:6443";  // what discovery says
    std::string admin_token = "admin";       // of system:masters
  };

  explicit Server(Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Response handle(const Request& request);

  // A bearer token of a user; "system:serviceaccount:NAMESPACE:NAME" is in the groups that service
  // accounts are in. Without `lifetime` it never expires.
  void add_token(const std::string& token, const std::string& user,
                 std::vector<std::string> groups = {},
                 std::optional<std::chrono::milliseconds> lifetime = std::nullopt);
  void expire_token(const std::string& token);

  // Forgets what happened up to this revision; without one, up to now.
  void compact(std::optional<std::uint64_t> revision = std::nullopt);
  [[nodiscard]] std::uint64_t revision() const;

  void add_fault(Fault fault);
  void clear_faults();

 private:
  std::unique_ptr<State> state_;
};

}  // namespace support::apiserver
