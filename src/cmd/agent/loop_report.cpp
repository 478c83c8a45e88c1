// What an agent's loop tells people: its troubles, and its complaints in the log.
#include <utility>

#include "cmd/agent/loop.hpp"
#include "cmd/serve/log_changes.hpp"

namespace cmd {
namespace {

using namespace std::chrono_literals;

// Whoever has many pods has something to say often: it is gathered for so long.
constexpr os::Time::duration report_pause = 1s;

std::string nat_trouble(const AgentClient& client) {
  return "NAT pod " + to_string(client.sandbox.pod) + ": " + client.nat_error;
}

}  // namespace

std::vector<std::string> AgentLoop::troubles() const {
  std::vector<std::string> troubles;
  if (!source_.synced()) {
    troubles.emplace_back("not all objects have been read; nothing is changed until then");
  }
  for (const auto& [key, client] : clients_.all()) {
    if (!client.error.empty() && client.asks) {
      troubles.push_back("pod " + to_string(client.sandbox.pod) + ": " + client.error);
    }
  }
  for (const auto& [key, client] : clients_.all()) {
    if (!client.nat_error.empty()) troubles.push_back(nat_trouble(client));
  }
  troubles.insert(troubles.end(), other_troubles_.begin(), other_troubles_.end());
  return troubles;
}

void AgentLoop::report() {
  const os::Time now = clock_.now();
  report_due_ = now < next_report_;
  if (report_due_) return;
  next_report_ = now + report_pause;
  complain();
  if (complete()) report_due_ = publishing_.note_pods(clients_);
}

void AgentLoop::complain() {
  std::set<std::string> complaints(other_troubles_.begin(), other_troubles_.end());
  for (const kube::Problem& problem : source_.problems()) {
    complaints.insert(problem.where + ": " + problem.reason);
  }
  for (const auto& [key, client] : clients_.all()) {
    if (!client.nat_error.empty()) complaints.insert(nat_trouble(client));
    if (!client.asks) continue;
    const std::string pod = "pod " + to_string(client.sandbox.pod) + ": ";
    for (const std::string& problem : client.problems) complaints.insert(pod + problem);
    if (!client.error.empty()) complaints.insert(pod + client.error);
  }
  log_difference(
      told_, complaints, [](const std::string& text) { return text; }, "resolved");
}

}  // namespace cmd
