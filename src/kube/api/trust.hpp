// How far a cluster is believed. A server restored from an old backup, another cluster behind the
// same address, and a list that is empty by mistake all answer 200: what they leave out must not
// take traffic away at once. Values only.
#pragma once

#include <string>

#include "os/clock.hpp"

namespace kube {

struct Trust {
  // A list that lacks too much is believed once another one agrees so long after it. Zero: at once.
  os::Time::duration confirm_after{};
  // What is too much: more than so many per cent of the objects that were known, all of them, or
  // anything in a list that is older than what was known.
  int loss_percent = 50;
  // Whether it is asked which cluster it is, by the UID of its namespace kube-system.
  bool identify = false;
  std::string cluster_uid{};  // the one that is accepted; empty: the known one
  std::string known_uid{};    // of whom an earlier process knew; empty: whoever comes first

  friend bool operator==(const Trust&, const Trust&) = default;
};

}  // namespace kube
