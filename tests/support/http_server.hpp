// A server that says on each connection what a test wants said, over TLS or not. It knows HTTP/1.1
// as far as finding a request's end.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace support {

// A key and a certificate for `name`, signed by itself.
struct Identity {
  std::string certificate;  // PEM
  std::string key;
};
Identity make_identity(const std::string& name);

class HttpServer {
 public:
  class Connection {
   public:
    virtual ~Connection() = default;
    virtual bool write(std::string_view bytes) = 0;  // false: the client is gone
    // Subject of the client's certificate; empty: none was sent.
    [[nodiscard]] virtual std::string peer() const = 0;
  };
  // Called for each request's head and body, in a thread of the connection's; false: hang up.
  using Handler = std::function<bool(const std::string& request, Connection& connection)>;

  // Listens on 127.0.0.1. `identity`: TLS; clients may show certificates that `client_ca` signed.
  explicit HttpServer(Handler handler, const Identity* identity = nullptr,
                      const std::string& client_ca = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept_all(const std::stop_token& stop);
  void serve(int fd, const std::stop_token& stop);

  Handler handler_;
  std::shared_ptr<void> tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

}  // namespace support
