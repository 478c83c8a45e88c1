// The results of `pona diag check` as JSON: pona.diag.check/v1.
#pragma once

#include <string>

#include "core/check/report.hpp"

namespace cmd {

std::string check_json(const core::check::Report& report);  // with the end of its last line

}  // namespace cmd
