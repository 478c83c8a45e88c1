// The sockets by which an agent asks NAT pods, in the network namespaces of its clients: that is
// the way that their traffic goes. One thread's alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "cmd/agent/nat_pod_health.hpp"
#include "cmd/agent/probed.hpp"

namespace cmd {

class ProbeSockets {
 public:
  ProbeSockets() = default;
  ProbeSockets(const ProbeSockets&) = delete;
  ProbeSockets& operator=(const ProbeSockets&) = delete;
  virtual ~ProbeSockets() = default;

  // From whom is sent from now on. Sockets of others are closed: they would keep the namespaces.
  virtual void follow(std::shared_ptr<const ProbedClients> clients) = 0;
  // Does not fail: what does not go out has no answer.
  virtual void send(const AgentPaths::Question& question) = 0;

  // Readable while take() has something.
  [[nodiscard]] virtual int fd() const = 0;
  struct Answer {
    ClientKey client;
    core::Address gateway;
    std::uint64_t nonce = 0;
    bool known = false;
    bool draining = false;
  };
  virtual std::vector<Answer> take() = 0;
};

// `port` is where NAT pods answer.
std::unique_ptr<ProbeSockets> open_probe_sockets(std::uint16_t port);

}  // namespace cmd
