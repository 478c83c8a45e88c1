// Would a Mapping be in effect beside the stored ones, and they beside it? By the planner's own
// rule.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "core/objects.hpp"
#include "kube/mapping/store.hpp"

namespace cmd {

// What stands in the way of `mapping` (whose stored version does not count), or nothing.
std::optional<std::string> find_conflict(const core::Mapping& mapping,
                                         std::span<const kube::StoredMapping> stored);

}  // namespace cmd
