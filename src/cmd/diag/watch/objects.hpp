// What the daemons of this host say of whose a flow is, asked again now and then.
#pragma once

#include <string>
#include <vector>

#include "cmd/diag/daemon_places.hpp"
#include "core/watch/owners.hpp"
#include "os/clock.hpp"

namespace cmd {

class WatchObjects {
 public:
  // `places` must outlive it.
  explicit WatchObjects(const DaemonPlaces& places) : places_(places) {}

  // Asks if it is time to: each minute, or, when a flow is nobody's, after some seconds.
  void look(os::Time now, bool stranger);
  [[nodiscard]] const core::watch::Owners& owners() const { return owners_; }
  // Why names may be missing, for people; as of the last look.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  void ask_edge_of_host();
  void ask_agent_of_host();
  void read_sandboxes();

  const DaemonPlaces& places_;
  core::watch::Owners owners_;
  std::vector<std::string> notes_;
  bool asked_ = false;
  os::Time last_{};
};

}  // namespace cmd
