// pods/exec: who may, and what is to be run. Running it is the front's business.
#pragma once

#include "support/apiserver/state.hpp"

namespace support::apiserver {

// 101, and as the body what is to be run: {"words": [NAMESPACE, POD, CONTAINER, COMMAND...]}.
// Throws the refusal.
Response answer_exec(const State& state, const Call& call);

}  // namespace support::apiserver
