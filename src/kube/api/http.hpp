// The transport over HTTPS: libcurl's multi interface, driven by whoever waits in poll(2) for one
// descriptor and one time. HTTP/2 when offered, proxies by the configuration or the environment,
// every request with the credential of its moment. No retries: who asked knows better.
#pragma once

#include <memory>
#include <string>

#include "kube/api/credentials.hpp"
#include "kube/api/transport.hpp"
#include "os/clock.hpp"

namespace kube {

struct HttpOptions {
  std::string user_agent;           // "pona/0.1.0 (edge)"
  double requests_per_second = 50;  // on the average; more wait
  double burst = 100;               // at once, after a pause
  std::chrono::milliseconds connect_limit = std::chrono::seconds(15);
};

class Http : public Transport {
 public:
  // take() is to be called when the descriptor is readable or the time has come.
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual os::Time due() const = 0;
};

// `credentials` must outlive it. Throws core::Error when curl cannot be set up.
std::unique_ptr<Http> open_http(Credentials& credentials, os::Clock clock, HttpOptions options);

}  // namespace kube
