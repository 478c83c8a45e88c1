// Columns' JSONPaths, as k8s.io/client-go/util/jsonpath understands them: a path leads to any
// number of values. Without what no column of a definition has use for: unions, "..", and ranges.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/apiserver/json.hpp"

namespace support::apiserver {

// The values at a path like ".status.conditions[?(@.type=="Accepted")].status", in their order;
// nothing: the path cannot be followed in this object, or is no path. They belong to `object`.
std::optional<std::vector<const Json*>> values_at(const Json& object, const std::string& path);

// How kubectl and the API server print one of them.
std::string json_path_text(const Json& value);

}  // namespace support::apiserver
