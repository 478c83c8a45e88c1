// Requests to the API server and what comes back, piece by piece: what the client's state machines
// ask for and are fed with. Implemented by http.hpp, and by tests and simulations. Nobody is called
// back: whoever owns a transport takes what arrived and hands it on.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kube {

struct Request {
  std::string method = "GET";
  std::string target;        // path and query, as it goes into the request line
  std::string content_type;  // of the body; empty: there is none
  std::string body;
  bool fresh_connection = false;  // not on one that is there: it may be dead

  friend bool operator==(const Request&, const Request&) = default;
};

struct Arrival {
  enum class Kind : std::uint8_t {
    head,  // first, once; not before the server answers
    body,
    end,  // last, once
  };
  std::uint64_t request = 0;
  Kind kind = Kind::end;
  int status = 0;                                   // of a head
  std::optional<std::chrono::seconds> retry_after;  // of a head
  std::string bytes;                                // of a body
  std::string error;                   // of an end: why the answer is not whole; empty: it is
  std::optional<std::int64_t> date{};  // of a head: the sender's time, Unix seconds

  friend bool operator==(const Arrival&, const Arrival&) = default;
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Never fails: what is wrong arrives. No number is given twice.
  virtual std::uint64_t start(Request request) = 0;
  // Nothing of it arrives from the next take() on. Of an unknown or ended one: nothing happens.
  virtual void cancel(std::uint64_t request) = 0;
  // What arrived since the last call, in order for each request. Never blocks.
  virtual std::vector<Arrival> take() = 0;
};

}  // namespace kube
