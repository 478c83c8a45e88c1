// What an Egress's template may ask of the NAT pods that the controller makes of it. Whoever may
// create an Egress must not get by it what Pod Security keeps from them: the controller makes pods
// in its own name. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kube {

// On a ServiceAccount, whatever its value: templates of Egresses of its namespace may name it.
inline constexpr std::string_view account_label = "egress.pona.cybozu.com/nat-pods";

struct TemplateLimits {
  std::string container;           // pona's own: it needs NET_ADMIN and NET_RAW
  std::set<std::string> accounts;  // that may be named
};

// Takes out of `pod`, a pod's spec, what the policy "baseline" of Kubernetes' Pod Security
// Standards does not let pass; sysctls that pona-nat(8) names may stay. Fields that `there` has as
// well, the spec of pods that run already, stay: nothing that works is taken down. Returns what was
// left out, as "containers[egress].securityContext.privileged".
std::vector<std::string> limit_template(nlohmann::json& pod, const nlohmann::json& there,
                                        const TemplateLimits& limits);

}  // namespace kube
