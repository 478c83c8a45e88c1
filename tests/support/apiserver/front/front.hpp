// The API server of the tests behind HTTPS: a listening socket, HTTP/1.1 and the streams of watches
// in one thread's loop. What is answered is Server's; how bytes are spoiled on demand is done here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "support/apiserver/server.hpp"

namespace support::apiserver {

class Front {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any that is free
    std::uint64_t seed = 0;
    std::string admin_token = "admin";
  };

  // Listens, and has a certificate authority of its own. Throws core::Error.
  explicit Front(const Options& options);
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  // Serves until stop(), which any thread may call.
  void run();
  void stop();

  // Does something to the server from another thread than run()'s.
  void with(const std::function<void(Server&)>& use);

  [[nodiscard]] const std::string& url() const;        // "https://127.0.0.1:6443"
  [[nodiscard]] const std::string& authority() const;  // PEM
  // What a client reads, with this bearer token.
  [[nodiscard]] std::string kubeconfig(const std::string& token) const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace support::apiserver
