// Which NAT pods answer, and which know which client: asked by probes through the clients' tunnels.
// A client may see its own probes and answer them itself in a NAT pod's name. So what is believed
// of a NAT pod is what most of several voices say: the tenants (namespaces of pods) that have
// clients there, and where there is one only, its clients. Where two disagree, each is left to its
// own. Knows no socket, no thread and no time of its own: the owner sends what ask() names, and
// tells what came.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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

  // `nonce`: numbers that a client cannot guess, or it could answer for others.
  AgentPaths(PathSettings settings, os::Clock clock, std::function<std::uint64_t()> nonce)
      : settings_(settings), clock_(std::move(clock)), nonce_(std::move(nonce)) {}

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

  // An answer came. It counts until the NAT pod would be dead without it, also when it was asked
  // again meanwhile: a network or a machine may take longer than the interval.
  void heard(const ClientKey& client, const core::Address& gateway, std::uint64_t nonce, bool known,
             bool draining);

  // Call it after what may change something; without verdicts: nothing did.
  ProbeNews take_news();

 private:
  struct Asked {
    std::uint64_t nonce = 0;
    Time at{};
  };
  struct Path {  // of one client to one gateway
    std::uint64_t number = 0;
    bool known = false;
    bool assumed = false;  // to be known
    Time first{};          // asked
    Time next{};           // question, while it is not known
    std::chrono::milliseconds pace{};
    std::vector<Asked> asked;  // and not answered yet, the last at last
  };
  struct Voice {
    std::set<ClientKey> clients;
    std::size_t turn = 0;
    bool answered = false;  // ever
    bool asked = false;     // in this round
    bool heard = false;     // likewise
    bool draining = false;  // what it heard
    int missed = 0;
  };
  struct Gateway {
    std::map<ClientKey, Path> paths;
    std::map<std::string, Voice> voices;
    bool answered = false;  // ever
    bool silent = false;    // as GatewayVerdict has it
    bool alive = true;
    bool draining = false;
    int missed = 0;
    Time since{};
    Time next{};  // round
    std::size_t turn = 0;
  };

  void add(const ClientKey& client, const core::Address& address, const ProbedPath& probed);
  void change_all(const Gateway& gateway);
  void regroup(Gateway& gateway);
  [[nodiscard]] Voice* voice_of(Gateway& gateway, const ClientKey& client) const;
  void listen(Gateway& gateway);
  void end_round(Gateway& gateway);
  [[nodiscard]] bool cut_off(const Gateway& gateway, const Voice& voice) const;
  void round(const core::Address& address, Gateway& gateway, std::vector<Question>& questions);
  Question question(const ClientKey& client, const core::Address& address, Path& path);

  PathSettings settings_;
  os::Clock clock_;
  std::function<std::uint64_t()> nonce_;
  std::map<core::Address, Gateway> gateways_;
  ProbedClients clients_;
  Verdicts verdicts_;
  std::set<ClientKey> changed_;
};

}  // namespace cmd
