// Who left as what: a line of JSON on standard output for each new connection of a client, from the
// kernel's notifications of connection tracking.
#pragma once

#include "core/egress/plan_nat.hpp"
#include "net/netlink/netlink.hpp"

namespace cmd {

class NatLog {
 public:
  // Throws core::Error.
  NatLog();

  [[nodiscard]] int fd() const { return socket_.fd(); }
  // What waits, of clients of the plan.
  void write(const core::NatPlan& plan);

 private:
  net::NetlinkSocket socket_;
};

}  // namespace cmd
