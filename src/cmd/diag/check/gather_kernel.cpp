#include "cmd/diag/check/survey.hpp"
#include "core/check/codes.hpp"
#include "core/check/trials.hpp"
#include "core/constants.hpp"
#include "net/sysctl.hpp"
#include "net/try_states.hpp"

namespace cmd {
namespace {

// Of the Egresses that an agent tells of; in a NAT pod, of the tunnels that it has.
std::set<std::string> encapsulations(Survey& survey) {
  using core::check::Role;
  std::set<std::string> names;
  if (survey.agent && (survey.role == Role::node || survey.role == Role::pod)) {
    for (const core::check::EgressState& egress : survey.agent->egresses) {
      if (!egress.encapsulation.empty()) names.insert(egress.encapsulation);
    }
  }
  if (survey.role != Role::nat) return names;
  for (const core::packet::Link& link : survey.network().links()) {
    if (link.device.group != core::constants::tunnel_group || !link.tunnel) continue;
    names.insert(link.tunnel->kind == core::packet::TunnelLink::Kind::vxlan_gpe ? "VXLAN" : "FoU");
  }
  return names;
}

}  // namespace

core::check::KernelFacts gather_kernel(Survey& survey) {
  core::check::KernelFacts facts;
  facts.role = survey.role;
  facts.encapsulations = encapsulations(survey);
  const bool ipv6 = net::read_sysctl("net/ipv6/conf/all/disable_ipv6").has_value();
  const std::vector<core::check::TrialState> trials = core::check::trial_states(ipv6);
  std::vector<net::Attempt> attempts;
  attempts.reserve(trials.size());
  for (const core::check::TrialState& trial : trials)
    attempts.push_back({trial.scope, trial.state});
  const net::AttemptResults results = net::try_states(attempts);
  facts.failure = results.failure;
  facts.privileges = results.privileges;
  if (!facts.failure.empty()) return facts;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    facts.trials.push_back({trials[i].code, results.refusals[i]});
  }
  facts.trials.push_back(
      {core::check::code::owner,
       results.owned_tables ? "" : "a table with flags owner, persist: Invalid argument"});
  return facts;
}

}  // namespace cmd
