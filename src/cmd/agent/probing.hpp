// Probes NAT pods in a thread of its own, so that a long pass over all clients holds up no probe
// and no probe a pass. What goes in and what comes out are values that nobody changes; the rest is
// the thread's alone.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "cmd/agent/nat_pod_health.hpp"
#include "cmd/agent/probe_sockets.hpp"
#include "cmd/agent/probed.hpp"
#include "os/bell.hpp"
#include "os/clock.hpp"

namespace cmd {

class ProbeThread : public NatPodProbes {
 public:
  // Throws core::Error when the process has no descriptors left.
  ProbeThread(PathSettings settings, std::unique_ptr<ProbeSockets> sockets, const os::Clock& clock);
  ~ProbeThread() override;

  void follow(std::shared_ptr<const ProbedClients> clients) override;
  ProbeNews take() override;
  // Readable while take() has something to give.
  [[nodiscard]] int fd() const { return news_bell_.fd(); }

 private:
  void run(const std::stop_token& stop);
  void adopt();
  void publish();
  void wait() const;

  os::Bell news_bell_;
  os::Bell call_bell_;  // the thread's: there are other clients, or it is to stop
  std::unique_ptr<ProbeSockets> sockets_;
  os::Clock clock_;
  AgentPaths paths_;
  std::mutex mutex_;
  std::shared_ptr<const ProbedClients> clients_;  // that the thread has not taken yet
  ProbeNews news_;                                // that the owner has not taken yet
  std::jthread thread_;                           // goes first: it uses the rest
};

}  // namespace cmd
