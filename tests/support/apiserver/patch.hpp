// The kinds of patch that name no owner: JSON patch and strategic merge patch. (A merge patch is
// one call of the JSON library, apply is managed.hpp's.)
#pragma once

#include "support/apiserver/resources.hpp"

namespace support::apiserver {

// Throws the 422 of a test that fails, or the 400 of a patch that is none.
Json json_patch(const Json& live, const Json& patch);
// Lists merge by the first of their keys, as the Go types' patchMergeKey says.
Json strategic_patch(const Json& live, const Json& patch, const Schema& schema);

}  // namespace support::apiserver
