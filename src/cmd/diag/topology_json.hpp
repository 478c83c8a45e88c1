// A topology as JSON for programs: pona-diag(8) has the fields.
#pragma once

#include <string>

#include "core/topology/graph.hpp"

namespace cmd {

std::string topology_json(const core::topology::Graph& graph);

}  // namespace cmd
