// What the registry fills in after the defaults and nobody owns: cluster IPs and node ports of
// Services, what admission adds to Pods.
#pragma once

#include "support/apiserver/state.hpp"

namespace support::apiserver {

// `live` is null for a new object.
void allocate(State& state, const Resource& resource, const Json* live, Json& object);

}  // namespace support::apiserver
