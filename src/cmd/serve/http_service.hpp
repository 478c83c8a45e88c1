// Answers GET and HEAD by HTTP in a thread of its own, one request after the other. For services
// with few and short answers; what is asked of it must come back soon, whatever the loop does.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.hpp"

namespace cmd {

struct HttpAnswer {
  int code = 404;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpService {
 public:
  // Runs in the service's thread. What it answers with 404 is told what is there.
  using Handle = std::function<HttpAnswer(std::string_view path)>;

  // Serves on listening, non-blocking sockets until destroyed. Block the process' signals before:
  // the thread handles none. Throws core::Error.
  HttpService(const std::vector<os::Fd>& listeners, Handle handle);
  HttpService(const HttpService&) = delete;
  HttpService& operator=(const HttpService&) = delete;
  ~HttpService();

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace cmd
