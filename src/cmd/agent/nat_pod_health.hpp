// Which NAT pods answer, and which know which client: asked by probes through the clients' tunnels.
// Knows no socket and no time of its own: the owner sends what ask() names, and tells what came.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/ip.hpp"
#include "os/clock.hpp"

namespace cmd {

struct PathSettings {
  std::chrono::milliseconds interval{300};  // between probes of one NAT pod
  int misses = 3;                           // that many without an answer: it is dead
  // A NAT pod that never answered anybody is one that answers no probes: it is used after so long.
  std::chrono::milliseconds grace{2000};
  bool enabled = true;  // else every NAT pod is taken for one that is there and knows all
};

class AgentPaths {
 public:
  using Time = os::Time;
  using ClientKey = std::string;  // of the owner

  explicit AgentPaths(PathSettings settings, os::Clock clock)
      : settings_(settings), clock_(std::move(clock)) {}

  // The NAT pods that a client has tunnels to, now; others are forgotten.
  void set(const ClientKey& client, const std::set<core::Address>& gateways);
  void remove(const ClientKey& client) { set(client, {}); }
  // An agent before this one may have sent its traffic there: that goes on until the NAT pod says
  // otherwise, or has had the time to.
  void assume(const ClientKey& client);

  // A gateway may carry this client's traffic: it is alive, and knows the client.
  [[nodiscard]] bool usable(const ClientKey& client, const core::Address& gateway) const;
  // It said so itself, before the cluster did.
  [[nodiscard]] bool draining(const core::Address& gateway) const;
  [[nodiscard]] bool alive(const core::Address& gateway) const;
  // Nothing is to be waited for: each of its gateways knows it, or is dead, or answers nobody.
  [[nodiscard]] bool settled(const ClientKey& client) const;

  // What is to be sent now, as questions with these nonces.
  struct Question {
    ClientKey client;
    core::Address gateway;
    std::uint64_t nonce = 0;
  };
  std::vector<Question> ask();
  [[nodiscard]] Time due() const;

  // An answer came. Returns the clients whose usable gateways may be others now.
  std::set<ClientKey> heard(const ClientKey& client, const core::Address& gateway,
                            std::uint64_t nonce, bool known, bool draining);
  // Likewise, of gateways that are given up because time passed: call it after ask().
  std::set<ClientKey> take_changed() { return std::exchange(changed_, {}); }

 private:
  struct Path {  // of one client to one gateway
    bool known = false;
    bool assumed = false;  // to be known
    Time first{};          // asked
    Time next{};           // question, while it is not known
    std::chrono::milliseconds pace{};
    std::uint64_t nonce = 0;
  };
  struct Gateway {
    std::map<ClientKey, Path> paths;
    bool answered = false;  // ever
    bool alive = true;
    bool draining = false;
    bool heard = true;  // since the last round
    int missed = 0;
    Time since{};
    Time next{};  // round
    std::size_t turn = 0;
  };

  void change_all(const Gateway& gateway);
  [[nodiscard]] bool silent(const Gateway& gateway) const;
  void round(const core::Address& address, Gateway& gateway, std::vector<Question>& questions);

  PathSettings settings_;
  os::Clock clock_;
  std::map<core::Address, Gateway> gateways_;
  std::map<ClientKey, std::set<core::Address>> clients_;
  std::set<ClientKey> changed_;
  std::uint64_t last_nonce_ = 0;
};

}  // namespace cmd
