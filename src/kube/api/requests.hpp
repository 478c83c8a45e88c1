// Requests with one answer each, over a transport: what arrives is put together, and what does not
// arrive in time is an answer too. Not for streams. No retries: who asked knows better.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kube/api/transport.hpp"
#include "os/clock.hpp"

namespace kube {

struct Reply {
  std::uint64_t request = 0;
  int code = 0;  // HTTP's; 0: none came
  std::chrono::seconds retry_after{};
  std::string body;
  std::string error;  // why the answer is not whole; empty: it is

  [[nodiscard]] bool ok() const { return error.empty() && code >= 200 && code < 300; }
};

class Exchanges {
 public:
  // `transport` must outlive it.
  Exchanges(Transport& transport, os::Clock clock)
      : transport_(transport), clock_(std::move(clock)) {}

  // Never fails: what is wrong is in the reply. Without one after `limit`, it is given up.
  std::uint64_t start(Request request, os::Time::duration limit);
  // It will have no reply. The server may act on it nevertheless.
  void cancel(std::uint64_t request);

  // False: it is not of one of these requests.
  bool take(const Arrival& arrival);
  // What was answered since the last call. Call it after take(), and when due() has come.
  std::vector<Reply> replies();
  [[nodiscard]] os::Time due() const;

 private:
  struct Open {
    Reply reply;
    os::Time deadline;
  };

  Transport& transport_;
  os::Clock clock_;
  std::map<std::uint64_t, Open> open_;
  std::vector<Reply> done_;
};

}  // namespace kube
