// Ports of the host's own: which claims they stand against. A Mapping must not take from the host
// what it listens on, unless the operator wants that; and what is in effect is never lost to a
// socket that came later. Pure: who listens is told by set().
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/edge/edge_settings.hpp"
#include "core/edge/external_interfaces.hpp"
#include "core/edge/forward.hpp"
#include "core/host.hpp"
#include "core/listener.hpp"
#include "core/objects.hpp"

namespace core {

// The socket that answers at one of the key's ports now; null: none. One that is bound to that very
// address counts, and one that is bound to all addresses where the address is one of an interface
// with a default route, or of one towards the cluster: where --external-interfaces says which ones
// lead to clients, all others that have a subnet. Addresses that were put elsewhere are for
// Mappings.
const Listener* listener_at(const Listeners& listeners, const ForwardKey& key, const Host& host,
                            const std::vector<ExternalInterface>& external);

class HostPorts {
 public:
  explicit HostPorts(const EdgeSettings& settings) : settings_(settings) {}

  // The sockets that there are from now on. Returns those that came or went. Until settle(), what
  // was planned before counts as older than those that came.
  Listeners set(Listeners listeners);
  void settle() { came_.clear(); }
  // Until the next call: what the kernel carries already, from before this process, is in effect.
  void hold(std::set<ForwardKey> keys) { held_ = std::move(keys); }

  struct Claim {
    ObjectId owner;
    bool of_cluster = false;  // else of a file
    // What was planned of it before.
    const std::map<ForwardKey, std::shared_ptr<const Forward>>& before;
  };
  // Takes out what the claim does not get, and returns why.
  std::vector<std::string> judge(const Claim& claim, const Host& host,
                                 const std::vector<ExternalInterface>& external,
                                 std::vector<Forward>& forwards);
  // It claims nothing any more.
  void forget(const ObjectId& owner);

  // Claims that are refused for a socket's sake, which may go; and how often one was, ever.
  [[nodiscard]] const std::map<ObjectId, std::set<ForwardKey>>& refused() const { return refused_; }
  [[nodiscard]] std::uint64_t refusals() const { return refusals_; }
  // Of those that are in effect although a socket is there.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  [[nodiscard]] bool refuses(const Claim& claim) const;
  [[nodiscard]] bool in_effect(const Claim& claim, const ForwardKey& key, const Listener& listener,
                               const std::set<ForwardKey>& standing) const;

  const EdgeSettings& settings_;
  Listeners listeners_;
  Listeners came_;  // with the last set()
  std::set<ForwardKey> held_;
  std::map<ObjectId, std::set<ForwardKey>> refused_;
  std::map<ObjectId, std::map<ForwardKey, std::string>> standing_;  // and what is said of it
  std::uint64_t refusals_ = 0;
};

}  // namespace core
