#include "cmd/diag/check/survey.hpp"
#include "core/check/codes.hpp"
#include "core/check/trials.hpp"
#include "net/sysctl.hpp"
#include "net/try_states.hpp"

namespace cmd {

core::check::KernelFacts gather_kernel(Survey& survey) {
  core::check::KernelFacts facts;
  facts.role = survey.role;
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
