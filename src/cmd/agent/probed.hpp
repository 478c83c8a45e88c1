// What the agent's loop and the thread that probes tell each other: whom to ask from where, and
// what is known of it. Values that nobody changes once the other has them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/ip.hpp"

namespace cmd {

using ClientKey = std::string;  // file_name() of a sandbox

struct ProbedPath {  // of one client to one NAT pod
  // Another one for each path there ever was, so that nothing is taken for news of another path.
  std::uint64_t number = 0;
  bool assumed = false;  // to be known to the NAT pod, until it says otherwise

  friend bool operator==(const ProbedPath&, const ProbedPath&) = default;
};

// Where a client's paths begin.
struct ProbedEnd {
  std::string netns, cookie, uid;
  std::vector<core::Address> addresses;
  std::string tenant = {};  // the pod's namespace
  bool gone = false;        // the namespace is: a socket would keep it

  friend bool operator==(const ProbedEnd&, const ProbedEnd&) = default;
};

struct ProbedClient {
  ProbedEnd end;
  std::map<core::Address, ProbedPath> paths;  // by NAT pod

  friend bool operator==(const ProbedClient&, const ProbedClient&) = default;
};

using ProbedClients = std::map<ClientKey, std::shared_ptr<const ProbedClient>>;

struct GatewayVerdict {
  bool alive = true;
  bool draining = false;  // it said so itself, before the cluster did
  bool silent = false;    // it never answered anybody, and had the time to

  friend bool operator==(const GatewayVerdict&, const GatewayVerdict&) = default;
};

struct PathVerdict {
  std::uint64_t number = 0;
  bool known = false;  // to the NAT pod
  bool assumed = false;
  bool alive = true;  // by what this client or its tenant hears, where nobody can settle the matter

  friend bool operator==(const PathVerdict&, const PathVerdict&) = default;
};

using ClientVerdicts = std::map<core::Address, PathVerdict>;

struct Verdicts {
  std::map<core::Address, GatewayVerdict> gateways;
  std::map<ClientKey, std::shared_ptr<const ClientVerdicts>> clients;
};

struct ProbeNews {
  std::shared_ptr<const Verdicts> verdicts;
  std::set<ClientKey> changed;  // clients to whom they may mean something else than those before
};

// Whoever probes, as the loop sees it. Never blocks.
class NatPodProbes {
 public:
  NatPodProbes() = default;
  NatPodProbes(const NatPodProbes&) = delete;
  NatPodProbes& operator=(const NatPodProbes&) = delete;
  virtual ~NatPodProbes() = default;

  // All that are to be probed from now on.
  virtual void follow(std::shared_ptr<const ProbedClients> clients) = 0;
  // What became known since the last call; without verdicts: nothing.
  virtual ProbeNews take() = 0;
};

}  // namespace cmd
