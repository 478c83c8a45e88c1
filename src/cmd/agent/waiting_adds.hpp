// Requests of the CNI plugin that wait until their pod is ready to start: known to the API server,
// with its ways to the NAT pods, and known to these. Whose time is over is answered, too.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "cmd/agent/clients.hpp"
#include "os/clock.hpp"

namespace cmd {

class WaitingAdds {
 public:
  using Answer = std::function<void(const AgentReply&)>;

  WaitingAdds(const AgentSettings& settings, os::Clock clock)
      : for_pod_(settings.pod), for_nat_pods_(settings.acknowledge), clock_(std::move(clock)) {}

  // `answer` is called once, by serve() or cancel().
  void add(const ClientKey& key, Answer answer);
  [[nodiscard]] bool contains(const ClientKey& key) const;
  // The pod is being removed.
  void cancel(const ClientKey& key);

  // Answers those that need not wait any more; clients that are refused are removed. `synced`: the
  // objects are complete.
  void serve(AgentClients& clients, bool synced);
  [[nodiscard]] os::Time due() const;

 private:
  struct Waiting {
    ClientKey key;
    Answer answer;
    os::Time until_pod, until_known;
  };

  [[nodiscard]] std::optional<AgentReply> judge(const Waiting& waiting, const AgentClients& clients,
                                                bool synced) const;

  std::chrono::milliseconds for_pod_, for_nat_pods_;
  os::Clock clock_;
  std::vector<Waiting> waiting_;
};

}  // namespace cmd
