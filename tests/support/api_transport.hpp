// A transport without a network: tests see what is asked and say what arrives.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/api/transport.hpp"

namespace support {

class ApiTransport : public kube::Transport {
 public:
  std::uint64_t start(kube::Request request) override {
    open_.emplace(++last_, request);
    started_.push_back(std::move(request));
    return last_;
  }
  void cancel(std::uint64_t request) override {
    open_.erase(request);
    std::erase_if(arrivals_, [&](const auto& arrival) { return arrival.request == request; });
  }
  std::vector<kube::Arrival> take() override { return std::exchange(arrivals_, {}); }

  // Requests whose end has not been sent.
  [[nodiscard]] const std::map<std::uint64_t, kube::Request>& open() const { return open_; }
  [[nodiscard]] const std::vector<kube::Request>& started() const { return started_; }
  [[nodiscard]] std::uint64_t last() const { return last_; }

  void head(std::uint64_t request, int status, std::optional<std::chrono::seconds> wait = {}) {
    push({request, kube::Arrival::Kind::head, status, wait, {}, {}});
  }
  void body(std::uint64_t request, std::string bytes) {
    push({request, kube::Arrival::Kind::body, 0, {}, std::move(bytes), {}});
  }
  void end(std::uint64_t request, std::string error = {}) {
    push({request, kube::Arrival::Kind::end, 0, {}, {}, std::move(error)});
    open_.erase(request);
  }

 private:
  void push(kube::Arrival arrival) {
    if (open_.contains(arrival.request)) arrivals_.push_back(std::move(arrival));
  }

  std::uint64_t last_ = 0;
  std::map<std::uint64_t, kube::Request> open_;
  std::vector<kube::Request> started_;
  std::vector<kube::Arrival> arrivals_;
};

}  // namespace support
