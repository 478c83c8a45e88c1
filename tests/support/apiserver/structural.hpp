// The structural schema of a custom resource (openAPIV3Schema): pruning, defaulting and the checks
// that need no expression language. x-kubernetes-validations (CEL) is not evaluated.
#pragma once

#include <string>
#include <vector>

#include "support/apiserver/refusal.hpp"

namespace support::apiserver {

// Takes out what the schema does not know and says where it was: "spec.nosuch".
std::vector<std::string> prune_unknown(Json& object, const Json& schema);
void fill_defaults(Json& object, const Json& schema);
std::vector<Cause> check_structure(const Json& object, const Json& schema);

}  // namespace support::apiserver
