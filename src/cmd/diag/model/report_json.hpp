// A network model's report, with its evidence, as JSON: "schema": "pona.diag.model/v1".
#pragma once

#include <string>

#include "core/cluster_model/report.hpp"

namespace cmd {

std::string model_json(const core::cluster_model::Report& report,
                       const core::cluster_model::Evidence& evidence);

}  // namespace cmd
