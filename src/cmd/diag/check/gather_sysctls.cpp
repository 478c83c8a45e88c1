#include <algorithm>

#include "cmd/diag/check/survey.hpp"
#include "core/ip.hpp"
#include "net/sysctl.hpp"

namespace cmd {
namespace {

// Those that the edge calls external; without one, those with a default route or a mapped address
// cannot be told, so: none.
std::set<std::string> external_links(Survey& survey) {
  std::set<std::string> names;
  if (survey.edge) {
    for (const InterfaceStatus& one : survey.edge->interfaces) names.insert(one.name);
  }
  return names;
}

bool pods_on_bridge(Survey& survey) {
  const auto& links = survey.network().links();
  const bool bridged = std::ranges::any_of(links, [&](const core::packet::Link& link) {
    const core::packet::Link* const master = survey.network().link(link.master);
    return link.master != 0 && link.device.kind == "veth" && master != nullptr &&
           master->device.kind == "bridge";
  });
  if (!bridged) return false;
  core::packet::Ruleset& rules = survey.network().ruleset();
  return rules.rules({core::packet::TableFamily::ip, "nat", "KUBE-SERVICES"}) != nullptr ||
         std::ranges::any_of(rules.base_chains(), [](const core::packet::BaseChain& chain) {
           return chain.id.table == "kube-proxy";
         });
}

}  // namespace

core::check::SysctlFacts gather_sysctls(Survey& survey) {
  core::check::SysctlFacts facts;
  facts.role = survey.role;
  facts.place = survey.place;
  facts.links = survey.network().links();
  facts.external = external_links(survey);
  facts.ipv6 = survey.uses_ipv6();
  facts.edge_runs = survey.role == core::check::Role::edge && survey.edge.has_value();
  facts.pod_bridge = pods_on_bridge(survey);
  const std::vector<std::string> keys = core::check::sysctl_keys(facts.links);
  survey.inside([&] {
    for (const std::string& key : keys) {
      if (auto value = net::read_sysctl(key)) facts.values.emplace(key, std::move(*value));
    }
  });
  return facts;
}

}  // namespace cmd
