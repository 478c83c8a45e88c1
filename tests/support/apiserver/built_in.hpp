// What the API server knows of built-in kinds beyond their merge schemas: the zero value of the Go
// type (fields that are always written), the defaults, and the few rules that clients meet.
#pragma once

#include <string>
#include <vector>

#include "support/apiserver/refusal.hpp"
#include "support/apiserver/resources.hpp"

namespace support::apiserver {

// The table that Resources begins with.
std::vector<Resource> built_in_resources();

// What an object of this kind has before anything is set.
Json zero_of(const Resource& resource);
// Fills in what the decoder fills in.
void apply_defaults(const Resource& resource, Json& object);
// Refuses values that the Go type cannot hold, as the decoder does.
void check_types(const Resource& resource, const Json& object);
// The rules over old (null: created) and new.
std::vector<Cause> check_built_in(const Resource& resource, const Json* before, const Json& after);

}  // namespace support::apiserver
