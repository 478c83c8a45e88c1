#include <algorithm>
#include <cstdlib>

#include "core/check/codes.hpp"
#include "core/check/judge.hpp"

namespace core::check {
namespace {

constexpr std::int64_t noticeable = 5, harmful = 60;  // seconds

void judge_rights(const ClusterFacts& facts, Results& results) {
  if (!facts.rights_unknown.empty()) {
    results.push_back(unknown(code::permissions, facts.rights_unknown, false));
    return;
  }
  if (facts.rights.empty()) {
    results.push_back(skipped(code::permissions, "no role is asked about"));
    return;
  }
  std::map<std::string, std::vector<std::string>> missing;
  for (const auto& [right, allowed] : facts.rights) {
    if (!allowed) missing[right.role].push_back(right.text());
  }
  for (auto& [role, texts] : missing) {
    results.push_back(
        {code::permissions,
         State::error,
         "the user of " + facts.config + " may not do what " + role +
             " is for: " + std::to_string(texts.size()) + " rights are missing",
         std::move(texts),
         {Fix{"pona install rbac | kubectl apply -f -",
              "as an administrator; if these are an administrator's rights already, name the "
              "daemon's own kubeconfig with --kubeconfig"}}});
  }
  if (missing.empty()) {
    results.push_back(ok(code::permissions, "all " + std::to_string(facts.rights.size()) +
                                                " rights that the roles give are there"));
  }
}

}  // namespace

std::string Right::text() const {
  std::string text = verb + " " + resource + (group.empty() ? "" : "." + group);
  if (!subresource.empty()) text += "/" + subresource;
  if (!name.empty()) text += " " + name;
  return text + (ns.empty() ? "" : " in namespace " + ns);
}

Results judge_cluster(const ClusterFacts& facts) {
  Results results;
  if (facts.config.empty()) {
    for (const int code : {code::api_server, code::permissions, code::kinds_missing, code::clock}) {
      results.push_back(facts.failure.empty()
                            ? skipped(code, "no cluster is known here (--kubeconfig names one)")
                            : unknown(code, facts.failure, false));
    }
    return results;
  }
  if (!facts.failure.empty()) {
    results.push_back(
        {code::api_server,
         State::error,
         "the API server of " + facts.config + " cannot be asked",
         {facts.failure},
         {Fix{"", "see the address, the certificate and the credential in the kubeconfig"}}});
    for (const int code : {code::permissions, code::kinds_missing, code::clock}) {
      results.push_back(unknown(code, "the API server cannot be asked", false));
    }
    return results;
  }
  results.push_back(ok(code::api_server, "the API server of " + facts.config + " answers"));
  judge_rights(facts, results);
  if (!facts.missing_kinds.empty()) {
    std::vector<std::string> evidence;
    for (const std::string& kind : facts.missing_kinds) evidence.push_back(kind + ": not found");
    results.push_back({code::kinds_missing,
                       State::error,
                       "the cluster does not know pona's kinds",
                       std::move(evidence),
                       {Fix{"pona install crds | kubectl apply -f -", "as an administrator"}}});
  } else {
    results.push_back(ok(code::kinds_missing, "pona's kinds are installed", facts.kinds));
  }
  if (!facts.skew) {
    results.push_back(unknown(code::clock, "the API server does not tell its time", false));
  } else if (std::abs(*facts.skew) >= noticeable) {
    results.push_back({code::clock,
                       std::abs(*facts.skew) >= harmful ? State::error : State::warn,
                       "the clock of this host is " + std::to_string(std::abs(*facts.skew)) +
                           " seconds " + (*facts.skew > 0 ? "ahead of" : "behind") +
                           " the API server's",
                       {"here: " + facts.here, "API server: " + facts.there},
                       {Fix{"timedatectl set-ntp true", "where chrony runs: chronyc makestep"}}});
  } else {
    results.push_back(ok(code::clock, "the clock agrees with the API server's",
                         {"here: " + facts.here, "API server: " + facts.there}));
  }
  return results;
}

}  // namespace core::check
