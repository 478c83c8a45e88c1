// The paths of clients to NAT pods, as the agent's loop wants them and as probes found them. Knows
// no time: what is known is what the last verdicts say, of paths that are still there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "cmd/agent/probed.hpp"
#include "core/ip.hpp"

namespace cmd {

class ClientPaths {
 public:
  // `probed`: else every NAT pod is taken for one that is there and knows all.
  explicit ClientPaths(bool probed) : probed_(probed) {}

  // The NAT pods that a client has tunnels to, now; others are forgotten. `assumed`: an agent
  // before this one may have sent its traffic to those that are new. That goes on until the NAT pod
  // says otherwise, or has had the time to.
  void set(const ClientKey& client, ProbedEnd end, const std::set<core::Address>& gateways,
           bool assumed);
  // Its namespace is gone, or there again.
  void set_gone(const ClientKey& client, bool gone);
  void remove(const ClientKey& client);

  void take(std::shared_ptr<const Verdicts> verdicts) { verdicts_ = std::move(verdicts); }
  // For whoever probes; null: nothing changed since the last call.
  std::shared_ptr<const ProbedClients> take_changes();

  // A gateway may carry this client's traffic: it is alive, and knows the client.
  [[nodiscard]] bool usable(const ClientKey& client, const core::Address& gateway) const;
  // One that may was asked and knows the client, or answers nobody; else that is assumed.
  [[nodiscard]] bool confirmed(const ClientKey& client, const core::Address& gateway) const;
  // It said so itself, before the cluster did.
  [[nodiscard]] bool draining(const core::Address& gateway) const;
  [[nodiscard]] bool alive(const core::Address& gateway) const;
  // Likewise, to this client, where voices disagree (AgentPaths).
  [[nodiscard]] bool alive(const ClientKey& client, const core::Address& gateway) const;
  // Nothing is to be waited for: each of its gateways knows it, or is dead, or answers nobody.
  [[nodiscard]] bool settled(const ClientKey& client) const;

 private:
  [[nodiscard]] GatewayVerdict verdict(const core::Address& gateway) const;
  // Null: nothing is known yet of this path.
  [[nodiscard]] const PathVerdict* verdict(const ClientKey& client, const core::Address& gateway,
                                           const ProbedPath& path) const;
  void put(const ClientKey& client, ProbedClient probed);
  void forget(const core::Address& gateway);

  bool probed_;
  ProbedClients clients_;
  bool changed_ = false;
  std::map<core::Address, std::size_t> gateways_;  // and how many paths lead there
  std::uint64_t last_number_ = 0;
  std::shared_ptr<const Verdicts> verdicts_ = std::make_shared<const Verdicts>();
};

}  // namespace cmd
