// The columns that `kubectl get` shows: those of the definition for custom kinds, the most wanted
// ones for a few built-in kinds, name and creation time for the others.
#pragma once

#include "support/apiserver/resources.hpp"

namespace support::apiserver {

Json columns_of(const Resource& resource);
Json cells_of(const Resource& resource, const Json& object, Time now);

}  // namespace support::apiserver
