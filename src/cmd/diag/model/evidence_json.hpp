// Evidence as a JSON value. For cmd/diag/model only.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "core/cluster_model/evidence.hpp"

namespace cmd {

nlohmann::ordered_json evidence_json(const core::cluster_model::Evidence& evidence);

}  // namespace cmd
