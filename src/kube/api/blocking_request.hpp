// One request to an API server and its whole answer, for commands that have nothing else to do
// meanwhile. Not for streams, and not for loops that serve others: it waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/error.hpp"
#include "kube/api/credentials.hpp"
#include "kube/api/http.hpp"
#include "kube/api/watch_event.hpp"

namespace kube {

struct Answer {
  int code = 0;  // HTTP's
  std::string body;
  Status status;                       // where the code is no 2xx
  std::optional<std::int64_t> date{};  // the server's time, Unix seconds, if it tells that

  [[nodiscard]] bool ok() const { return code >= 200 && code < 300; }
};

class Caller {
 public:
  // `limit` is for one call with all its repetitions.
  Caller(ClientConfig config, std::string user_agent,
         std::chrono::milliseconds limit = std::chrono::seconds(30));

  // Whatever the server says is an answer. What may be asked again without harm is, a few times:
  // when the server asks for it (429; also other errors with Retry-After, of a GET), or when a
  // credential that can be renewed is refused. Throws core::Error (transient) when no whole answer
  // came; `attempt`, for messages: "list mappings".
  Answer call(const Request& request, const std::string& attempt);

  // What a refusal says to people: what was attempted, where, and what the server said.
  [[nodiscard]] core::Error refused(const Answer& answer, const std::string& attempt) const;

  [[nodiscard]] const ClientConfig& config() const { return credentials_.config(); }

 private:
  Answer once(const Request& request, const std::string& attempt, os::Time deadline,
              std::chrono::seconds& retry_after);
  [[nodiscard]] std::string server() const;

  os::Clock clock_;
  std::chrono::milliseconds limit_;
  Credentials credentials_;
  std::unique_ptr<Http> http_;
};

}  // namespace kube
