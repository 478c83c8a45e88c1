// What an API server makes of a custom resource by the schema of its definition: nulls and unknown
// fields dropped, defaults set, and whatever is wrong. Also what it asks of the schema itself. It
// knows the keywords that our schemas use; another one is a violation, so that none goes unchecked.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace crd {

struct Checked {
  nlohmann::json value;                 // as it would be stored
  std::vector<std::string> violations;  // "spec.ports[0].port: 0 is below 1"
  std::size_t cost = 0;                 // of the dearest rule
};

Checked check(const nlohmann::json& schema, const nlohmann::json& value);

// What makes a schema one that the API server takes and that kubectl explain can tell about.
std::vector<std::string> faults(const nlohmann::json& schema);

}  // namespace crd
