// Answers the probes of agents in a thread of its own: a NAT pod that carries traffic must not look
// dead because its loop is at work.
#pragma once

#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "cmd/nat/known_clients.hpp"
#include "net/probe_socket.hpp"
#include "os/bell.hpp"

namespace cmd {

class ProbeAnswers {
 public:
  // On `port` of each family of `addresses`; `known` must outlive it. Throws core::Error.
  ProbeAnswers(const std::vector<core::Address>& addresses, std::uint16_t port,
               LatestClients& known);
  ProbeAnswers(const ProbeAnswers&) = delete;
  ProbeAnswers& operator=(const ProbeAnswers&) = delete;
  ~ProbeAnswers();

 private:
  void run(const std::stop_token& stop);
  void answer(ProbeSocket& socket);

  LatestClients& known_;
  std::deque<ProbeSocket> sockets_;
  os::Bell end_;
  std::jthread thread_;
};

}  // namespace cmd
