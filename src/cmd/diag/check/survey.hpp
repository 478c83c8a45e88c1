// What the groups of `pona diag check` have in common: the host, what runs on it and says of
// itself, and where things are. Read once. Each gather_*() reads for one group.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cmd/diag/check/agent_view.hpp"
#include "cmd/diag/check/check.hpp"
#include "cmd/diag/places.hpp"
#include "cmd/edge/status.hpp"
#include "core/check/judge.hpp"
#include "net/view/live_world.hpp"

namespace cmd {

struct Survey {
  // Throws core::Error (usage) where the words make no sense or the pod is not known.
  explicit Survey(const CheckOptions& given);

  const CheckOptions& options;
  core::check::Role role{};
  std::string subject;

  Places places;
  net::view::LiveWorld world;
  std::size_t at = 0;        // the namespace that is looked at
  core::check::Place place;  // the same
  std::optional<core::ObjectName> pod;

  bool edge_there = false;  // its socket's file
  std::optional<EdgeStatus> edge;
  std::string edge_complaint;
  bool agent_there = false;
  std::optional<AgentView> agent;
  std::string agent_complaint;

  // What is tracked, read once: there may be a million.
  struct Connections {
    std::map<core::check::PortUse, std::uint32_t> ports;
    std::vector<core::Flow> tunnels;
    std::string failure;
  };
  const Connections& connections();

  bool root = false;

  core::packet::Network& network() { return world.network(at); }
  // Of a place of the world, for results.
  core::check::Place place_of(std::size_t number);
  // Runs it in the namespace that is looked at.
  void inside(const std::function<void()>& work) { world.where(at).run(work); }

  // What the running edge maps; nothing without one.
  [[nodiscard]] std::vector<core::check::MappedPort> mapped() const;
  [[nodiscard]] bool uses_ipv6();

 private:
  void choose_role();
  void look_at_daemons();

  net::view::NamespaceId here_;
  std::optional<Connections> connections_;
};

core::check::KernelFacts gather_kernel(Survey& survey);
core::check::SysctlFacts gather_sysctls(Survey& survey);
core::check::RuleFacts gather_rules(Survey& survey);
// Of a node: what stops its pods' traffic is added to the obstacles.
void look_at_forwarded(Survey& survey, core::check::RuleFacts& facts);
core::check::MtuFacts gather_mtu(Survey& survey);
std::vector<core::check::TunnelFacts> gather_tunnel_links(Survey& survey, std::size_t place);
core::check::TunnelsFacts gather_tunnels(Survey& survey);
core::check::ConntrackFacts gather_conntrack(Survey& survey);
core::check::PortFacts gather_ports(Survey& survey);
core::check::AddressFacts gather_addresses(Survey& survey);
core::check::ClusterFacts gather_cluster(Survey& survey);
core::check::FilesFacts gather_files(Survey& survey);
core::check::DaemonFacts gather_edge(Survey& survey);
core::check::DaemonFacts gather_agent(Survey& survey);
// Of the namespace that is looked at, and of a node's pods.
core::check::Results look_for_leftovers(Survey& survey);

}  // namespace cmd
