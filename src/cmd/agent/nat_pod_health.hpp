// Which NAT pods answer, and which know which client: asked by probes through the clients' tunnels.
// Knows no socket, no thread and no time of its own: the owner sends what ask() names, and tells
// what came.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "cmd/agent/probed.hpp"
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

  explicit AgentPaths(PathSettings settings, os::Clock clock)
      : settings_(settings), clock_(std::move(clock)) {}

  // The paths that there are now; others are forgotten.
  void follow(const ProbedClients& clients);

  // What is to be sent now, as questions with these nonces.
  struct Question {
    ClientKey client;
    core::Address gateway;
    std::uint64_t nonce = 0;
  };
  std::vector<Question> ask();
  [[nodiscard]] Time due() const;

  // An answer came.
  void heard(const ClientKey& client, const core::Address& gateway, std::uint64_t nonce, bool known,
             bool draining);

  // Call it after what may change something; without verdicts: nothing did.
  ProbeNews take_news();

 private:
  struct Path {  // of one client to one gateway
    std::uint64_t number = 0;
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
    bool silent = false;    // as GatewayVerdict has it
    bool alive = true;
    bool draining = false;
    bool heard = true;  // since the last round
    int missed = 0;
    Time since{};
    Time next{};  // round
    std::size_t turn = 0;
  };

  void add(const ClientKey& client, const core::Address& address, const ProbedPath& probed);
  void change_all(const Gateway& gateway);
  void round(const core::Address& address, Gateway& gateway, std::vector<Question>& questions);

  PathSettings settings_;
  os::Clock clock_;
  std::map<core::Address, Gateway> gateways_;
  ProbedClients clients_;
  Verdicts verdicts_;
  std::set<ClientKey> changed_;
  std::uint64_t last_nonce_ = 0;
};

}  // namespace cmd
