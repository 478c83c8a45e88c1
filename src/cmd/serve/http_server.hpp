// Health, metrics and status by HTTP, in a thread of its own, so that they answer while a daemon's
// loop works, and tell when it hangs. Serves GET and HEAD. Nobody waits behind another: a page that
// only the loop can make is waited for apart, and sent to those who asked for that very page.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/fd.hpp"

namespace cmd {

struct HttpAnswer {
  int code = 200;
  std::string body;
  std::string type = "text/plain; charset=utf-8";
  std::string gzip = {};  // the body once more, compressed, for those who take that; may be empty
};

inline constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr const char* json_type = "application/json";

// Has one of `at_once`, `read` and `ask`.
struct HttpPage {
  using Make = std::function<HttpAnswer()>;
  using Reply = std::function<void(HttpAnswer)>;

  // "/metrics"; with a query that chooses another page: "/metrics?scope=ports"; of `ask` with the
  // name of what is asked: "/status?about=".
  std::string path;
  // Runs in the HTTP thread, which all others wait for.
  Make at_once = {};
  // Runs in the loop, which alone may look at what it looks at; what it returns runs in a thread of
  // its own, for which only pages of this kind wait, and makes the text. Both may throw
  // core::Error: the answer is 503 with its text.
  std::function<Make()> read = {};
  // Runs in the loop, once for each who asks, with what follows the path, decoded. The answer is
  // given in the loop as well, then or later, and not after the server has gone.
  std::function<void(const std::string& what, const Reply& reply)> ask = {};
  std::chrono::milliseconds patience = std::chrono::seconds(5);  // for an answer of the loop
  bool local = false;  // for those who come by a unix socket; others find no such page
  // Who asks again so soon gets the same answer; 0: what was read since it asked.
  std::chrono::milliseconds shared = {};
};

// What connections may take of the process and of each other.
struct HttpLimits {
  // At the same time, for each socket that is listened on; the next one has the slowest cut off.
  std::size_t connections = 128;
  std::chrono::milliseconds request = std::chrono::seconds(5);    // to have said what it wants
  std::chrono::milliseconds progress = std::chrono::seconds(10);  // to take something of an answer
  std::chrono::milliseconds answer = std::chrono::seconds(60);    // to take all of it
  std::size_t answers = 8;     // different ones that are being taken
  std::size_t kept_back = 64;  // descriptors that are left to others; at most a quarter of all
};

class HttpServer {
 public:
  // Serves on listening, non-blocking sockets until destroyed; whatever the pages look at must
  // outlive it. Block the process' signals before: the thread handles none. Throws core::Error.
  HttpServer(const std::vector<os::Fd>& listeners, std::vector<HttpPage> pages,
             const HttpLimits& limits = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // The loop's side: readable while somebody waits for it, and what it then does.
  [[nodiscard]] int fd() const;
  void read_wanted();

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace cmd
