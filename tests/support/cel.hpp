// The rules of custom resource definitions (x-kubernetes-validations), evaluated: as much of CEL as
// Kubernetes 1.28 has and our rules use. Whatever else a rule holds throws, so that no rule passes
// unread; so does a comparison of different types, which the API server's compiler refuses.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

namespace cel {

struct Verdict {
  bool holds = false;
  std::size_t cost = 0;  // operations, about what the API server counts
};

Verdict evaluate(const std::string& rule, const nlohmann::json& self);

}  // namespace cel
