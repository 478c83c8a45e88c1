// The resources of one cluster that a program reads, each kept equal by a reflector, as one whole.
// No I/O, no clock and no chance of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kube/api/cluster_identity.hpp"
#include "kube/api/reflector.hpp"
#include "kube/api/transport.hpp"
#include "kube/source.hpp"
#include "os/clock.hpp"

namespace kube {

class Watches {
 public:
  // `context` stands before the names of objects in problems. `transport` must outlive it.
  Watches(std::string context, Transport& transport, os::Clock clock, Trust trust = {});

  // Of all kinds that `reduce` makes of a resource's objects, no other resource may make one with
  // the same name. The reflector lives as long as this.
  Reflector& add(Resource resource, Reduce reduce);

  // False: it is of a request of somebody else.
  bool take(const Arrival& arrival);
  void step();
  [[nodiscard]] os::Time due() const;

  // Everything that must be known was listed once.
  [[nodiscard]] bool synced() const;
  // Somebody may write to the cluster: it is the one that is known, as far as that can be told.
  [[nodiscard]] bool trusted() const { return identity_.settled() && !identity_.foreign(); }
  // No request is known to have got no answer.
  [[nodiscard]] bool reachable() const;
  // The cluster's UID; empty: it is not known.
  [[nodiscard]] const std::string& cluster_uid() const { return identity_.uid(); }

  // What changed since the last call, coalesced.
  core::ObjectChanges take_changes();
  ObjectCache::SeenChanges take_seen();

  // What is wrong, sorted; nothing while all is as the last time. `credentials` are complaints
  // about those, `writing` of whoever writes beside.
  std::optional<std::vector<Problem>> new_problems(const std::vector<std::string>& credentials,
                                                   const std::vector<std::string>& writing);

 private:
  std::string prefix_;
  Transport& transport_;
  os::Clock clock_;
  Trust trust_;
  ClusterIdentity identity_;
  std::vector<std::unique_ptr<Reflector>> reflectors_;
  std::vector<std::string> told_;
};

}  // namespace kube
