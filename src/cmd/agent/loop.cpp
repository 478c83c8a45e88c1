#include "cmd/agent/loop.hpp"

#include <algorithm>
#include <utility>

namespace cmd {

AgentLoop::AgentLoop(kube::Source& source, kube::AgentSource* cluster, NatPodProbes& probes,
                     const AgentSettings& settings, AgentClients::Pass pass, const os::Clock& clock)
    : source_(source),
      probes_(probes),
      clock_(clock),
      clients_(settings, std::move(pass), clock),
      waiting_(settings, clock),
      publishing_(cluster, clock) {}

os::Time AgentLoop::step() {
  clients_.take(source_.take());
  clients_.take(probes_.take());
  os::Time due = os::Time::max();
  if (complete()) {
    // Who is no longer a client must be refused before its address is somebody else's.
    publishing_.publish(clients_);
    due = clients_.reconcile();
  }
  waiting_.serve(clients_, source_.synced());
  if (complete()) publishing_.publish(clients_);
  if (auto changed = clients_.paths().take_changes()) probes_.follow(std::move(changed));
  due = std::min(due, waiting_.due());
  report();
  return report_due_ ? std::min(due, next_report_) : due;
}

void AgentLoop::set_sandboxes(const std::vector<Sandbox>& sandboxes) {
  clients_.set_sandboxes(sandboxes,
                         [this](const ClientKey& key) { return waiting_.contains(key); });
}

void AgentLoop::add(const Sandbox& sandbox, WaitingAdds::Answer answer) {
  waiting_.add(clients_.add(sandbox), std::move(answer));
}

void AgentLoop::remove(const Sandbox& sandbox) {
  const ClientKey key = file_name(sandbox);
  waiting_.cancel(key);
  clients_.undo(key);
  clients_.remove(key);
}

}  // namespace cmd
